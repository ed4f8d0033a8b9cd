//! What is asked and answered: the page, the takes, their pictures, and judging them.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use heirloom_dailies::choices::{Chooser, Judgement, ShotChoices};
use heirloom_engine::gate::SourceGate;
use heirloom_vault::{Act, ObjectId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{Refusal, aside};
use crate::guard::{Guard, stand};
use crate::media::{Coded, Media};
use crate::news::{News, count};
use crate::page;
use crate::ranges::{self, LASTING};
use crate::shot::{Shot, Shown};

/// Most bytes of a judgement: a note may be long, a book is none.
const LARGEST_BODY: usize = 64 << 10;

/// What all answers are made from.
#[derive(Clone)]
pub(crate) struct Studio {
    pub(crate) guard: Arc<Guard>,
    pub(crate) shot: Arc<Shot>,
    pub(crate) media: Arc<Media>,
    pub(crate) news: Arc<News>,
}

type Answer<T> = Result<T, Refusal>;

/// Every address there is, behind the guard.
pub(crate) fn router(studio: Studio) -> Router {
    let guard = studio.guard.clone();
    Router::new()
        .route("/", get(home))
        .route("/look.js", get(page::script))
        .route("/player.js", get(page::player))
        .route("/look.css", get(page::style))
        .route("/look.svg", get(page::icon))
        .route("/api/shot", get(shown))
        .route("/api/news", get(news))
        .route("/api/takes/{take}/judge", post(judge))
        .route("/api/undo", post(undo))
        .route("/api/redo", post(redo))
        .route("/takes/{take}/poster.jpg", get(poster))
        .route("/takes/{take}/clip.mp4", get(clip))
        .route("/takes/{take}/frames/{name}", get(frame))
        .fallback(nothing)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(axum::middleware::from_fn_with_state(guard, stand))
        .with_state(studio)
}

async fn nothing() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "there is nothing at this address")
}

#[derive(Deserialize)]
struct Opening {
    token: Option<String>,
}

/// The page, for whoever has the token: in the address that was printed, or in the cookie since.
async fn home(State(studio): State<Studio>, Query(opening): Query<Opening>, headers: HeaderMap) -> Response {
    let told = opening.token.is_some_and(|word| studio.guard.is_token(&word));
    if told || studio.guard.has_token(&headers) {
        return page::page(&studio.guard);
    }
    let words = "The viewer opens by the whole address that `heirloom look` printed, token and all.";
    (StatusCode::FORBIDDEN, words).into_response()
}

async fn shown(State(studio): State<Studio>) -> Answer<Json<Shown>> {
    // Counted first: what comes between is news.
    let revision = count(&studio.shot.look.vault).await?;
    Ok(Json(aside(move || studio.shot.shown(revision)).await?))
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

async fn news(State(studio): State<Studio>, Query(asked): Query<After>) -> Json<Value> {
    let revision = studio.news.after(asked.after).await;
    Json(json!({ "revision": revision, "ended": revision.is_none() }))
}

/// The take that an address names, if it is one of the shot's.
async fn take(studio: &Studio, name: &str) -> Answer<ObjectId> {
    let none = || {
        let shot = &studio.shot.look.label;
        Refusal::new(StatusCode::NOT_FOUND, format!("{shot} has no such take"))
    };
    let take: ObjectId = name.parse().map_err(|_| none())?;
    let shot = studio.shot.clone();
    match aside(move || shot.has(&take)).await? {
        true => Ok(take),
        false => Err(none()),
    }
}

async fn poster(
    State(studio): State<Studio>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    let take = take(&studio, &name).await?;
    ranges::file(studio.media.poster(take).await?, "image/jpeg", &headers).await
}

async fn clip(
    State(studio): State<Studio>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    let take = take(&studio, &name).await?;
    ranges::file(studio.media.clip(take).await?, "video/mp4", &headers).await
}

async fn frame(
    State(studio): State<Studio>,
    Path((name, frame)): Path<(String, String)>,
) -> Answer<Response> {
    let take = take(&studio, &name).await?;
    let asked = frame.split_once('.').and_then(|(n, ending)| {
        let coded = match ending {
            "png" => Coded::Png,
            "jpg" => Coded::Jpeg,
            _ => return None,
        };
        let digits = n.bytes().all(|b| b.is_ascii_digit());
        Some((n.parse::<u32>().ok().filter(|_| digits)?, coded))
    });
    let (n, coded) = asked.ok_or_else(|| {
        Refusal::new(
            StatusCode::NOT_FOUND,
            "a frame is called by its number from 0, as 12.png or 12.jpg",
        )
    })?;
    let bytes = studio.media.frame(take, n, coded).await?;
    let kind = match coded {
        Coded::Png => "image/png",
        Coded::Jpeg => "image/jpeg",
    };
    Ok(([(CONTENT_TYPE, kind), (CACHE_CONTROL, LASTING)], bytes).into_response())
}

/// What a person says of a take.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase", deny_unknown_fields)]
enum Said {
    // Braces, so that other words beside it are refused here too.
    Choose {},
    Reject { reason: String },
    Shelve { reason: Option<String> },
    Star { stars: u8 },
    Note { text: String },
}

impl From<Said> for Judgement {
    fn from(said: Said) -> Self {
        match said {
            Said::Choose {} => Judgement::Choose,
            Said::Reject { reason } => Judgement::Reject { reason },
            Said::Shelve { reason } => Judgement::Shelve { reason },
            Said::Star { stars } => Judgement::Star(stars),
            Said::Note { text } => Judgement::Note(text),
        }
    }
}

async fn judge(
    State(studio): State<Studio>,
    Path(name): Path<String>,
    said: Result<Json<Said>, JsonRejection>,
) -> Answer<Json<Value>> {
    let Json(said) = said.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    let take = take(&studio, &name).await?;
    let shot = studio.shot.clone();
    let done = aside(move || -> Answer<Value> {
        let row = shot.row(&take)?.ok_or_else(|| {
            let words = "the take is no longer listed; load the page again";
            Refusal::new(StatusCode::NOT_FOUND, words)
        })?;
        let act = choosing(&shot, |chooser| {
            Ok(chooser.judge(&row.shot, &take, &said.into(), &row.ties())?)
        })?;
        let look = &shot.look;
        let standing = ShotChoices::read(look.vault.ledger(), &look.shot)?.standing(&take);
        Ok(json!({ "act": act.id, "take": take, "standing": standing }))
    });
    Ok(Json(done.await?))
}

async fn undo(State(studio): State<Studio>) -> Answer<Json<Value>> {
    let shot = studio.shot.clone();
    let done = aside(move || choosing(&shot, |chooser| Ok(chooser.undo_last(Some(&shot.look.shot))?)));
    let act = done.await?;
    Ok(Json(about(&[act])))
}

async fn redo(State(studio): State<Studio>) -> Answer<Json<Value>> {
    let shot = studio.shot.clone();
    let done = aside(move || choosing(&shot, |chooser| Ok(chooser.redo_last(Some(&shot.look.shot))?)));
    Ok(Json(about(&done.await?)))
}

/// Acts `undone`, as the page tells of them: on which take, and what of it.
fn about(acts: &[Act]) -> Value {
    let first = acts.first();
    json!({
        "acts": acts.iter().map(|act| act.id).collect::<Vec<_>>(),
        "take": first.and_then(|act| act.inputs("take").next()),
        "what": first.and_then(|act| act.facts.get("what")),
    })
}

/// Lets the person at the page judge; the gate is asked as of today.
fn choosing<T>(shot: &Shot, say: impl FnOnce(&Chooser<'_>) -> Answer<T>) -> Answer<T> {
    let look = &shot.look;
    let gate = SourceGate::new(&look.vault, jiff::Zoned::now().date());
    say(&Chooser::new(&look.vault, &gate, look.by.clone()))
}
