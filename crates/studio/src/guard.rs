//! Who is answered: the address by which the studio is called, the run's token, and where a request comes from.
//!
//! A page of another site can make a browser send requests here, and by DNS rebinding even in the name of that site. So
//! the name by which a request calls must be one of this machine's own; nothing is served without the token; and what
//! changes the ledger needs the token in a header, and no other origin.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, HeaderName, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::answer::Refusal;

/// The header that bears the token.
pub(crate) const TOKEN: HeaderName = HeaderName::from_static("x-heirloom-token");

/// The page may load what lies here and nothing else, and runs no script of its own text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What a request has to show.
#[derive(Debug)]
pub(crate) struct Guard {
    token: String,
    address: SocketAddr,
}

impl Guard {
    /// A guard for a server at this address, with a token from the system's source of randomness.
    pub(crate) fn new(address: SocketAddr) -> Result<Self, getrandom::Error> {
        let mut bytes = [0u8; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self {
            token: blake3::hash(&bytes).to_hex().to_string(),
            address,
        })
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// The cookie that bears the token. Cookies know no ports, so the port is in its name.
    fn cookie_name(&self) -> String {
        format!("heirloom-look-{}", self.address.port())
    }

    /// The header that sets it.
    pub(crate) fn cookie(&self) -> String {
        format!(
            "{}={}; Path=/; HttpOnly; SameSite=Strict",
            self.cookie_name(),
            self.token
        )
    }

    /// Whether a word is the token; in the same time for any word, as BLAKE3's hashes are compared so.
    pub(crate) fn is_token(&self, word: &str) -> bool {
        blake3::hash(word.as_bytes()) == blake3::hash(self.token.as_bytes())
    }

    /// Whether the studio may be called by this name: `localhost:4000`. One that listens past loopback is called by names
    /// that it can not know; there the token alone decides.
    fn is_called(&self, host: &str) -> bool {
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (name, Some(port)),
            _ => (host, None),
        };
        if port.unwrap_or("80") != self.address.port().to_string() {
            return false;
        }
        !self.address.ip().is_loopback()
            || ["localhost", "127.0.0.1", "[::1]"].contains(&name.to_ascii_lowercase().as_str())
    }

    pub(crate) fn has_token(&self, headers: &HeaderMap) -> bool {
        if let Some(word) = headers.get(TOKEN).and_then(|v| v.to_str().ok()) {
            return self.is_token(word);
        }
        let name = self.cookie_name();
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|v| v.to_str().ok())
            .flat_map(|all| all.split(';'))
            .filter_map(|one| one.trim().split_once('='))
            .any(|(key, word)| key == name && self.is_token(word))
    }

    /// Whether a request may pass, whatever it asks for.
    fn judge(&self, request: &Request) -> Result<(), Refusal> {
        let no = |words: &str| Err(Refusal::new(StatusCode::FORBIDDEN, words));
        let headers = request.headers();
        let text = |name: HeaderName| headers.get(name).and_then(|v| v.to_str().ok());
        let Some(host) = text(HOST).filter(|host| self.is_called(host)) else {
            return no("the studio is not called so; open the address that `heirloom look` printed");
        };
        let path = request.uri().path();
        let site = text(HeaderName::from_static("sec-fetch-site"));
        let is_ours = matches!(site, None | Some("same-origin" | "none"));
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            // The page may be opened from anywhere by whoever has the token; what it is made of may not be used elsewhere.
            if path != "/" && !is_ours {
                return no("another site's page may not use the studio");
            }
            let open = path == "/" || crate::page::is_open(path);
            if !open && !self.has_token(headers) {
                return no("the token is missing; open the address that `heirloom look` printed");
            }
            return Ok(());
        }
        let origin = text(ORIGIN);
        if !is_ours || origin.is_some_and(|origin| origin != format!("http://{host}")) {
            return no("another site's page may not use the studio");
        }
        if !text(TOKEN).is_some_and(|word| self.is_token(word)) {
            return no("the token is missing; open the address that `heirloom look` printed");
        }
        Ok(())
    }
}

/// Lets through what the guard lets through, and sends everything out with the headers that keep a page to itself.
pub(crate) async fn stand(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let mut response = match guard.judge(&request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_own_names_are_answered_on_loopback() {
        let guard = Guard::new("127.0.0.1:4000".parse().unwrap()).unwrap();
        for host in ["localhost:4000", "LOCALHOST:4000", "127.0.0.1:4000", "[::1]:4000"] {
            assert!(guard.is_called(host), "{host}");
        }
        for host in [
            "localhost",
            "localhost:4001",
            "evil.example:4000",
            "127.0.0.1.evil.example:4000",
            "[::1]",
            "",
            "localhost:",
            "localhost:4000:4000",
        ] {
            assert!(!guard.is_called(host), "{host}");
        }
        let wide = Guard::new("192.168.1.5:4000".parse().unwrap()).unwrap();
        assert!(wide.is_called("studio.local:4000") && !wide.is_called("studio.local:80"));
    }

    #[test]
    fn tokens_differ_from_run_to_run() {
        let address = "127.0.0.1:4000".parse().unwrap();
        let [one, two] = [Guard::new(address).unwrap(), Guard::new(address).unwrap()];
        assert_ne!(one.token(), two.token());
        assert!(one.is_token(one.token()) && !one.is_token(two.token()) && !one.is_token(""));
    }
}
