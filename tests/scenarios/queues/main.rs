//! Queues on real sockets: callers who wait, agents who are offered calls, and the consult to a queue (rows 15 and 16 of the warm
//! transfer) from every surface. All agents serve the queue `support`, extension 200.
//!
//! That a queue never goes stale is shown in virtual time, a year long, in the core's own tests.

mod callers;
mod consults;
mod offers;
mod order;
mod reloads;

use baton_tests::desk::Desk;
use baton_tests::house::Setup;
use serde_json::Value;

/// A house whose queue says nothing into its music, so that music is told from voices.
const QUIET: Setup = Setup { queue: "position_every_s = 0", ..Setup::USUAL };

/// The queue as the operator is shown it, once it is so.
async fn until_queue(desk: &Desk, so: impl Fn(&Value) -> bool) -> Value {
    desk.until("/v1/queues/support", so).await
}

/// Waits until an agent is in a state.
async fn until_agent(desk: &Desk, name: &str, state: &str) -> Value {
    desk.until(&format!("/v1/agents/{name}"), |agent| agent["state"] == state).await
}
