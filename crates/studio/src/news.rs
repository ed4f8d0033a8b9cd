//! Whether the ledger has grown: so takes that workers draw, and what others judge, appear by themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use heirloom_vault::{Vault, VaultError};
use tokio::sync::watch;

use crate::answer::{Refusal, aside};

/// How often the ledger is counted.
const PACE: Duration = Duration::from_millis(400);
/// How long a question waits for its answer: shorter than browsers' and proxies' patience.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many acts the ledger has, as of the last count; none once the server ends.
pub(crate) struct News(watch::Receiver<Option<u64>>);

impl News {
    /// Begins to count, until `stop`.
    pub(crate) fn of(vault: Arc<Vault>, stop: Arc<AtomicBool>) -> Self {
        let (send, receive) = watch::channel(Some(0));
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                if let Ok(count) = count(&vault).await {
                    send.send_if_modified(|had| had.replace(count) != Some(count));
                }
                tokio::time::sleep(PACE).await;
            }
            send.send_replace(None);
        });
        Self(receive)
    }

    /// The count, once it is another than `had`; the same after a while.
    pub(crate) async fn after(&self, had: u64) -> Option<u64> {
        let mut receive = self.0.clone();
        let other = receive.wait_for(|now| *now != Some(had) && *now != Some(0));
        match tokio::time::timeout(PATIENCE, other).await {
            Ok(Ok(now)) => *now,
            Ok(Err(_)) => None,
            Err(_) => Some(had),
        }
    }
}

/// How many acts the ledger has.
pub(crate) async fn count(vault: &Arc<Vault>) -> Result<u64, Refusal> {
    let vault = vault.clone();
    aside(move || vault.ledger().count().map_err(|e: VaultError| e)).await
}
