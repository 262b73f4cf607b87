//! A phone whose port is closed: the network says that nobody takes what we send there (ICMP).
//!
//! ```text
//!   no answer yet      its INVITE has failed, 503; the agent's other phones ring on
//!   rang               the same, and CANCEL, in case that somebody has only said so
//!   everything else    goes on: requests are repeated, registrations stay until they expire
//! ```
//!
//! Anybody between can say it, of any address: that ends no call, it only lets one phone not be rung.

use conference::Moment;

use super::{Alarm, Stack};
use crate::flow::Flow;
use crate::fork::Cancel;
use crate::transaction::TIMEOUT;

impl Stack {
    /// Nobody takes datagrams at the other end of this flow.
    pub(crate) fn unreachable(&mut self, now: Moment, flow: Flow) {
        self.now = now;
        let there = |client: &_| self.transactions.sent(*client).is_some_and(|(_, way)| way == flow);
        let open = self.branches.iter().filter(|(client, branch)| !branch.again && !branch.closed && there(client));
        let mut open: Vec<_> = open.map(|(client, branch)| (*client, branch.heard, branch.cancel)).collect();
        open.sort_unstable_by_key(|(client, ..)| *client);
        for (client, heard, cancel) in open {
            match (heard, cancel) {
                (false, _) => self.transactions.failed(now, client),
                (true, Cancel::No) => {
                    self.call_off(client, None);
                    self.invite_failed(client, 503);
                    // somebody may answer the CANCEL yet, or nobody
                    self.alarms.arm(now + TIMEOUT, Alarm::GiveUp(client));
                }
                (true, Cancel::Wanted | Cancel::Sent) => {}
            }
        }
        self.settle();
    }
}
