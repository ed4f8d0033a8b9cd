//! Answers that say no: a status and words for people, as JSON.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use heirloom_dailies::choices::ChoiceError;
use heirloom_dailies::index::IndexError;
use heirloom_vault::VaultError;
use serde_json::json;

use crate::media::MediaError;

/// Why something is not answered as it was asked for.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    words: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, words: impl Into<String>) -> Self {
        Self {
            status,
            words: words.into(),
        }
    }

    /// Something here went wrong; the words say the mend.
    fn fault(error: &dyn std::error::Error) -> Self {
        tracing::warn!("{error}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.words }))).into_response()
    }
}

impl From<IndexError> for Refusal {
    fn from(error: IndexError) -> Self {
        Self::fault(&error)
    }
}

impl From<VaultError> for Refusal {
    fn from(error: VaultError) -> Self {
        Self::fault(&error)
    }
}

impl From<ChoiceError> for Refusal {
    fn from(error: ChoiceError) -> Self {
        let status = match &error {
            ChoiceError::Vault(_) => return Self::fault(&error),
            ChoiceError::NoTake { .. } | ChoiceError::NoAct(_) => StatusCode::NOT_FOUND,
            ChoiceError::NoReason | ChoiceError::EmptyNote | ChoiceError::Stars(_) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            _ => StatusCode::CONFLICT,
        };
        Self::new(status, error.to_string())
    }
}

impl From<MediaError> for Refusal {
    fn from(error: MediaError) -> Self {
        match error {
            MediaError::NoFrame { .. } => Self::new(StatusCode::NOT_FOUND, error.to_string()),
            MediaError::Stopped => Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
            _ => Self::fault(&error),
        }
    }
}

/// Does work that waits for disks or programs on a thread of its own, so that other answers need not wait for it.
pub(crate) async fn aside<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, Refusal>
where
    T: Send + 'static,
    E: Into<Refusal> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(Into::into),
        Err(_) => Err(Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the studio broke off with a fault of its own; please report it with the words on its terminal",
        )),
    }
}
