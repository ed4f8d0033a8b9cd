//! The page itself, built into the program.

use axum::http::header::{CONTENT_TYPE, SET_COOKIE};
use axum::response::{IntoResponse, Response};

use crate::guard::Guard;

const PAGE: &str = include_str!("page/look.html");
const SCRIPT: &str = include_str!("page/look.js");
const PLAYER: &str = include_str!("page/player.js");
const STYLE: &str = include_str!("page/look.css");
const ICON: &str = include_str!("page/look.svg");
/// Where the token stands in the page.
const PLACE: &str = "{{token}}";

/// Whether a path is of a file that is everyone's, and served without a token.
pub(crate) fn is_open(path: &str) -> bool {
    matches!(path, "/look.js" | "/player.js" | "/look.css" | "/look.svg")
}

/// The page with the token, and the cookie by which it may load pictures.
pub(crate) fn page(guard: &Guard) -> Response {
    (
        [
            (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
            (SET_COOKIE, guard.cookie()),
        ],
        PAGE.replace(PLACE, guard.token()),
    )
        .into_response()
}

/// Its script.
pub(crate) async fn script() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT)
}

/// The script of its player.
pub(crate) async fn player() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], PLAYER)
}

/// Its style.
pub(crate) async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}

/// Its icon.
pub(crate) async fn icon() -> impl IntoResponse {
    ([(CONTENT_TYPE, "image/svg+xml")], ICON)
}
