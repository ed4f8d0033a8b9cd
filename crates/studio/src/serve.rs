//! Listening, until told to stop.

use std::future::IntoFuture;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use heirloom_dailies::index::IndexError;

use crate::api::{Studio, router};
use crate::guard::Guard;
use crate::media::Media;
use crate::news::News;
use crate::shot::{Look, Shot};

/// How often it is looked whether to stop.
const PACE: Duration = Duration::from_millis(100);
/// How long answers under way may take then.
const GRACE: Duration = Duration::from_secs(2);

/// Where the studio listens: on loopback and a free port unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The address; one that is not loopback is within reach of other machines, and the token is all that keeps them out.
    /// What goes over the wire there is not encrypted.
    pub address: IpAddr,
    /// The port; 0 for a free one.
    pub port: u16,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST.into(),
            port: 0,
        }
    }
}

/// Where it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The address and port.
    pub address: SocketAddr,
    /// What opens the page, with the token: whoever has it may look and judge while the server runs.
    pub url: String,
    /// The token alone, for programs: it goes into the header `x-heirloom-token`.
    pub token: String,
}

/// The studio could not be served.
#[derive(Debug, thiserror::Error)]
pub enum StudioError {
    /// The index of takes can not be opened.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The port is taken, or the address is none of this machine's.
    #[error("it can not listen on {address} ({source}): name another port, or none for a free one")]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// The system's own words.
        source: std::io::Error,
    },
    /// The system gives no random numbers.
    #[error("no token could be made ({0}): the system gives no random numbers")]
    Token(#[from] getrandom::Error),
    /// The system's own words.
    #[error("the viewer could not go on ({0}); start it again")]
    System(#[from] std::io::Error),
}

/// Serves the viewer of a shot until `stop` is set, and ends within some seconds then; what was being made is left unmade.
///
/// `ready` is called once, when the page can be opened.
///
/// # Errors
/// [`StudioError`].
pub fn serve(
    look: Look,
    listen: &Listen,
    ready: impl FnOnce(&Served),
    stop: &Arc<AtomicBool>,
) -> Result<(), StudioError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(16)
        .thread_name("studio")
        .build()?;
    let ended = runtime.block_on(run(look, listen, ready, stop.clone()));
    // Whatever is still being made sees `stop` after its frame.
    runtime.shutdown_timeout(GRACE);
    ended
}

async fn run(
    look: Look,
    listen: &Listen,
    ready: impl FnOnce(&Served),
    stop: Arc<AtomicBool>,
) -> Result<(), StudioError> {
    let wanted = SocketAddr::new(listen.address, listen.port);
    let listener = tokio::net::TcpListener::bind(wanted)
        .await
        .map_err(|source| StudioError::Listen {
            address: wanted,
            source,
        })?;
    let address = listener.local_addr()?;
    let guard = Arc::new(Guard::new(address)?);
    let studio = Studio {
        guard: guard.clone(),
        media: Media::new(&look, stop.clone()),
        news: Arc::new(News::of(look.vault.clone(), stop.clone())),
        shot: Arc::new(Shot::new(look)?),
    };
    let server = axum::serve(listener, router(studio)).with_graceful_shutdown(until(stop.clone()));
    let mut server = tokio::spawn(server.into_future());
    ready(&Served {
        address,
        url: format!("http://{address}/?token={}", guard.token()),
        token: guard.token().to_owned(),
    });
    until(stop).await;
    // A browser keeps connections open; they are not waited for longer than this.
    if let Ok(Ok(ended)) = tokio::time::timeout(GRACE, &mut server).await {
        return Ok(ended?);
    }
    server.abort();
    Ok(())
}

async fn until(stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(PACE).await;
    }
}
