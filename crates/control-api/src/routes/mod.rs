//! Which path leads where.

use axum::Router;
use tokio::sync::watch;

use crate::house::House;
use crate::settings::ApiSettings;

pub(crate) fn router(_house: House, _settings: ApiSettings, _stopped: watch::Receiver<bool>) -> Router {
    Router::new()
}
