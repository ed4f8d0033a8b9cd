//! The ledger's tables, and how an older ledger is brought up to date.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{VaultError, ledger_error};

/// Every step of the schema so far. Step n brings format n to n + 1; none is ever changed once released.
const STEPS: [&str; 1] = ["
    CREATE TABLE acts (
        id      TEXT NOT NULL PRIMARY KEY,
        at      TEXT NOT NULL,
        verb    TEXT NOT NULL,
        subject TEXT NOT NULL,
        content TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX acts_by_time ON acts (at, id);
    CREATE INDEX acts_by_subject ON acts (subject, at);
    CREATE INDEX acts_by_verb ON acts (verb, at);

    CREATE TABLE edges (
        act      TEXT NOT NULL REFERENCES acts (id),
        position INTEGER NOT NULL,
        role     TEXT NOT NULL,
        object   TEXT NOT NULL,
        way      TEXT NOT NULL CHECK (way IN ('in', 'out')),
        PRIMARY KEY (act, position)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX edges_by_object ON edges (object, role, way);

    CREATE TRIGGER acts_stay BEFORE UPDATE ON acts BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
    CREATE TRIGGER acts_last BEFORE DELETE ON acts BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
    CREATE TRIGGER edges_stay BEFORE UPDATE ON edges BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
    CREATE TRIGGER edges_last BEFORE DELETE ON edges BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"];

/// Brings the ledger up to the newest format, all steps or none.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), VaultError> {
    let fault = ledger_error(path);
    let known = STEPS.len();
    // Looked at first without the write lock: nearly always there is nothing to do.
    if version(connection, path)? == known {
        return Ok(());
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(&fault)?;
    let found = version(&transaction, path)?;
    for step in STEPS.iter().skip(found) {
        transaction.execute_batch(step).map_err(&fault)?;
    }
    transaction
        .pragma_update(None, "user_version", known as u32)
        .map_err(&fault)?;
    transaction.commit().map_err(&fault)
}

/// The ledger's format; an error when it is newer than this program.
fn version(connection: &Connection, path: &Path) -> Result<usize, VaultError> {
    let found: u32 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(ledger_error(path))?;
    let known = STEPS.len() as u32;
    if found > known {
        return Err(VaultError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    Ok(found as usize)
}
