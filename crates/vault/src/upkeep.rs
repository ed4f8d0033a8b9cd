//! Looking after a vault.
