//! From a shot's plan to requests, takes and progress.
