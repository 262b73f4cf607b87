//! How things stand, asked once for each time somebody wants the numbers.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use conference::Moment;
use conference::record::AgentTotals;
use media_mixer::{DropReason, Stats};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use sip_signalling::{Counts, Traffic};

use super::words::{self, PHASES, STATES, STATUSES, phase, state, status};
use super::{Doing, Gauges, Metrics, Queue, Reason, Request, Response, State, Status, Thread};
use crate::look::Everything;
use crate::switch::Load;

/// What the parts of the house said when they were asked.
pub(crate) struct Scraped {
    pub(crate) now: Moment,
    pub(crate) everything: Everything,
    pub(crate) load: Load,
    pub(crate) signalling: Counts,
    pub(crate) traffic: Traffic,
    pub(crate) media: Stats,
    pub(crate) store: store::Counts,
    pub(crate) store_up: bool,
}

impl Metrics {
    /// All numbers, in the text format.
    pub(crate) async fn text(&self, scraped: &Scraped) -> String {
        let _one = self.scraping.lock().await;
        self.gauges.house(scraped);
        self.gauges.worked(&scraped.everything.worked);
        self.gauges.queues(scraped);
        self.gauges.signalling(&scraped.signalling, &scraped.load);
        self.gauges.traffic(&scraped.traffic);
        self.gauges.media(&scraped.media);
        self.gauges.store(&scraped.store, scraped.store_up);
        let mut text = String::new();
        // writing into a string does not fail
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Gauges {
    fn house(&self, scraped: &Scraped) {
        let views: Vec<_> = scraped.everything.seen.calls.iter().map(|(view, _)| view).collect();
        self.calls.set(signed(views.len()));
        self.legs.set(signed(scraped.load.legs));
        self.draining.set(i64::from(scraped.load.draining));
        let people = || views.iter().flat_map(|view| &view.participants);
        for each in STATUSES {
            let count = people().filter(|person| person.status == each).count();
            self.participants.get_or_create(&Status { status: status(each).to_owned() }).set(signed(count));
        }
        for each in PHASES {
            let under_way = views.iter().filter_map(|view| view.transfer.as_ref());
            let count = under_way.filter(|transfer| transfer.phase == each).count();
            self.transfers.get_or_create(&State { state: phase(each).to_owned() }).set(signed(count));
        }
        for each in STATES {
            let count = scraped.everything.agents.iter().filter(|agent| agent.state == each).count();
            self.agents.get_or_create(&State { state: state(each).to_owned() }).set(signed(count));
        }
    }

    fn worked(&self, worked: &AgentTotals) {
        put(&self.agent_calls, worked.calls);
        let times = &worked.times;
        let phases = [
            ("ring", times.ring_us),
            ("queued", times.queued_us),
            ("talk", times.talk_us),
            ("hold", times.hold_us),
            ("consult", times.consult_us),
            ("wrap_up", worked.wrap_up_us),
        ];
        for (doing, span_us) in phases {
            put_seconds(&self.agent_time.get_or_create(&Doing { doing: doing.to_owned() }), span_us);
        }
    }

    fn queues(&self, scraped: &Scraped) {
        // a queue that is gone is shown no more
        self.waiting.clear();
        self.ready.clear();
        self.open.clear();
        self.longest_wait.clear();
        for queue in &scraped.everything.queues {
            let label = Queue { queue: queue.name.clone() };
            self.waiting.get_or_create(&label).set(signed(queue.waiting.len()));
            self.ready.get_or_create(&label).set(i64::from(queue.ready));
            self.open.get_or_create(&label).set(i64::from(queue.open));
            let since = queue.waiting.iter().map(|(_, _, since)| *since).min();
            let longest = since.map_or(0.0, |since| scraped.now.since(since).as_secs_f64());
            self.longest_wait.get_or_create(&label).set(longest);
        }
    }

    fn signalling(&self, counts: &Counts, load: &Load) {
        self.dialogs.set(signed(counts.dialogs));
        self.transactions.set(signed(counts.transactions));
        self.registrations.set(signed(counts.registrations));
        self.flows.set(signed(counts.flows));
        put(&self.lost_wishes, counts.lost_wishes);
        put(&self.dropped_requests, counts.dropped);
        put(&self.alarms, load.alarms);
    }

    fn traffic(&self, traffic: &Traffic) {
        let ways = [("received", &traffic.requests_received), ("sent", &traffic.requests_sent)];
        for (way, methods) in ways {
            for (method, count) in methods {
                let label = Request { way: way.to_owned(), method: (*method).to_owned() };
                put(&self.requests.get_or_create(&label), *count);
            }
        }
        let ways = [("received", &traffic.responses_received), ("sent", &traffic.responses_sent)];
        for (way, statuses) in ways {
            for (status, count) in statuses {
                let label = Response { way: way.to_owned(), status: *status };
                put(&self.responses.get_or_create(&label), *count);
            }
        }
        put(&self.malformed, traffic.malformed);
    }

    fn media(&self, stats: &Stats) {
        self.media_legs.set(signed(stats.legs));
        put(&self.packets_received, stats.received_packets);
        put(&self.packets_sent, stats.sent_packets);
        put(&self.packets_lost, stats.lost_packets);
        put(&self.packets_unsent, stats.unsent);
        put(&self.ports_unbindable, stats.unbindable_ports);
        for reason in DropReason::ALL {
            let label = Reason { reason: words::drop(reason).to_owned() };
            put(&self.packets_dropped.get_or_create(&label), stats.drops.of(reason));
        }
        for (number, worker) in stats.workers.iter().enumerate() {
            let label = Thread { thread: number.to_string() };
            put(&self.ticks.get_or_create(&label), worker.ticks);
            put(&self.ticks_lost.get_or_create(&label), worker.lost_ticks);
            put_seconds(&self.late_seconds.get_or_create(&label), worker.late_us);
            self.latest_seconds.get_or_create(&label).set(worker.latest_us as f64 / 1e6);
        }
    }

    fn store(&self, counts: &store::Counts, up: bool) {
        self.store_up.set(i64::from(up));
        put(&self.store_written, counts.written);
        put(&self.store_spooled, counts.spooled);
        put(&self.store_lost, counts.lost);
        put(&self.store_failures, counts.failures);
        self.store_waiting.set(i64::try_from(counts.waiting).unwrap_or(i64::MAX));
        self.store_spool_bytes.set(i64::try_from(counts.spool_bytes).unwrap_or(i64::MAX));
    }
}

/// A count that somebody else keeps.
fn put(counter: &Counter, count: u64) {
    counter.inner().store(count, Relaxed);
}

/// A time that somebody else adds up, in microseconds.
fn put_seconds(counter: &Counter<f64, AtomicU64>, span_us: u64) {
    counter.inner().store((span_us as f64 / 1e6).to_bits(), Relaxed);
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
