//! What is counted for an operator, in the text format of Prometheus. No label holds a number or a name of a caller.
//!
//! What happens is counted as it happens; how things stand is asked when somebody wants to know (`scrape`).

mod scrape;
mod sound;
mod words;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use conference::Event;
use conference::record::Quality;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tokio::sync::Mutex;

pub(crate) use scrape::Scraped;

use sound::Sound;

use crate::book::Took;

/// Upper ends, in seconds, of how long a command may take until its masks are in force: one tick is 20 ms.
const MASK_SECONDS: [f64; 9] = [0.001, 0.002_5, 0.005, 0.01, 0.015, 0.02, 0.025, 0.05, 0.1];

macro_rules! label {
    ($type:ident, $key:ident) => {
        #[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
        pub(crate) struct $type {
            pub(crate) $key: String,
        }
    };
}

label!(Outcome, outcome);
label!(How, how);
label!(Rule, rule);
label!(Status, status);
label!(State, state);
label!(Doing, doing);
label!(Queue, queue);
label!(Reason, reason);
label!(Thread, thread);

/// A queue and how calls left it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct QueueHow {
    queue: String,
    how: String,
}

/// A kind of request, and which way it went.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Request {
    way: String,
    method: String,
}

/// A trunk, by its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Trunk {
    trunk: String,
}

/// What a registration at a carrier is, compared with the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Enrolment {
    /// There was none.
    New,
    /// As before.
    Refreshed,
    /// There is none.
    Failed,
}

/// A kind of response, and which way it went.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Response {
    way: String,
    status: u16,
}

/// Which build this is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Build {
    version: String,
}

/// Everything that is counted. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    calls: Counter,
    transfers: Family<Outcome, Counter>,
    reservations: Family<How, Counter>,
    queue_exits: Family<QueueHow, Counter>,
    security: Family<Rule, Counter>,
    enrolled: Family<Trunk, Gauge>,
    mask_seconds: Histogram,
    change_seconds: Histogram,
    sound: Sound,
    pub(crate) gauges: Arc<Gauges>,
    /// One scrape at a time: the gauges of one must not be those of another.
    scraping: Arc<Mutex<()>>,
}

/// How things stand, as of the last scrape.
#[derive(Default)]
pub(crate) struct Gauges {
    pub(crate) calls: Gauge,
    pub(crate) legs: Gauge,
    pub(crate) participants: Family<Status, Gauge>,
    pub(crate) transfers: Family<State, Gauge>,
    pub(crate) agents: Family<State, Gauge>,
    pub(crate) agent_calls: Counter,
    /// Of all agents together: a name for each agent would be as many series as there are agents.
    pub(crate) agent_time: Family<Doing, Counter<f64, AtomicU64>>,
    pub(crate) waiting: Family<Queue, Gauge>,
    pub(crate) ready: Family<Queue, Gauge>,
    pub(crate) open: Family<Queue, Gauge>,
    pub(crate) longest_wait: Family<Queue, Gauge<f64, AtomicU64>>,
    pub(crate) draining: Gauge,
    pub(crate) dialogs: Gauge,
    pub(crate) transactions: Gauge,
    pub(crate) registrations: Gauge,
    pub(crate) flows: Gauge,
    pub(crate) lost_wishes: Counter,
    pub(crate) dropped_requests: Counter,
    pub(crate) alarms: Counter,
    pub(crate) requests: Family<Request, Counter>,
    pub(crate) responses: Family<Response, Counter>,
    pub(crate) malformed: Counter,
    pub(crate) media_legs: Gauge,
    pub(crate) packets_received: Counter,
    pub(crate) packets_sent: Counter,
    pub(crate) packets_lost: Counter,
    pub(crate) packets_unsent: Counter,
    pub(crate) packets_dropped: Family<Reason, Counter>,
    pub(crate) ports_unbindable: Counter,
    pub(crate) ticks: Family<Thread, Counter>,
    pub(crate) ticks_lost: Family<Thread, Counter>,
    pub(crate) late_seconds: Family<Thread, Counter<f64, AtomicU64>>,
    pub(crate) latest_seconds: Family<Thread, Gauge<f64, AtomicU64>>,
    pub(crate) store_up: Gauge,
    pub(crate) store_written: Counter,
    pub(crate) store_spooled: Counter,
    pub(crate) store_lost: Counter,
    pub(crate) store_failures: Counter,
    pub(crate) store_waiting: Gauge,
    pub(crate) store_spool_bytes: Gauge,
}

impl Metrics {
    /// Nothing has happened yet.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("baton");
        let histogram = || Histogram::new(MASK_SECONDS);
        let (mask_seconds, change_seconds) = (histogram(), histogram());
        let build = Family::<Build, Gauge>::default();
        build.get_or_create(&Build { version: env!("CARGO_PKG_VERSION").to_owned() }).set(1);
        registry.register("build", "Which build this is", build);
        let metrics = Self {
            registry: Arc::new(Registry::default()),
            calls: Counter::default(),
            transfers: Family::default(),
            reservations: Family::default(),
            queue_exits: Family::default(),
            security: Family::default(),
            enrolled: Family::default(),
            mask_seconds,
            change_seconds,
            sound: Sound::new(),
            gauges: Arc::default(),
            scraping: Arc::default(),
        };
        metrics.sound.register(&mut registry);
        registry.register("calls_started", "Calls that began", metrics.calls.clone());
        registry.register("transfers", "Transfers that ended, by outcome", metrics.transfers.clone());
        registry.register("reservations", "Offers that ended, by how", metrics.reservations.clone());
        registry.register("queue_exits", "Calls that left a queue, by how", metrics.queue_exits.clone());
        registry.register("security_events", "What an operator should see, by rule", metrics.security.clone());
        let what = "1: the trunk's carrier has registered us; 0: it has not";
        registry.register("trunk_registered", what, metrics.enrolled.clone());
        let what = "From a command until its masks are in force at the mixer";
        registry.register_with_unit("command_to_mask", what, Unit::Seconds, metrics.mask_seconds.clone());
        let what = "From anything that changes masks until they are in force at the mixer";
        registry.register_with_unit("change_to_mask", what, Unit::Seconds, metrics.change_seconds.clone());
        metrics.gauges.register(&mut registry);
        Self { registry: Arc::new(registry), ..metrics }
    }

    /// An event is told.
    pub(crate) fn count(&self, event: &Event) {
        if let Event::CallStarted { .. } = event {
            self.calls.inc();
        }
        if let Event::TransferEnded { outcome, .. } = event {
            let outcome = words::outcome(*outcome).to_owned();
            self.transfers.get_or_create(&Outcome { outcome }).inc();
        }
        if let Event::ReservationEnded { how, .. } = event {
            let how = words::reservation(*how).to_owned();
            self.reservations.get_or_create(&How { how }).inc();
        }
        if let Event::QueueLeft { queue, how, .. } = event {
            let label = QueueHow { queue: queue.clone(), how: words::exit(*how).to_owned() };
            self.queue_exits.get_or_create(&label).inc();
        }
    }

    /// A leg has ended, and sounded like this.
    pub(crate) fn sounded(&self, quality: &Quality) {
        self.sound.note(quality);
    }

    /// Something an operator should see.
    pub(crate) fn security(&self, rule: &'static str) {
        self.security.get_or_create(&Rule { rule: rule.to_owned() }).inc();
    }

    /// A carrier has registered us, or has not.
    pub(crate) fn enrolled(&self, trunk: &str, status: u16) -> Enrolment {
        let registered = (200..300).contains(&status);
        let before = self.enrolled.get_or_create(&Trunk { trunk: trunk.to_owned() }).set(i64::from(registered));
        match (registered, before) {
            (true, 1) => Enrolment::Refreshed,
            (true, _) => Enrolment::New,
            (false, _) => Enrolment::Failed,
        }
    }

    /// A trunk does not register any more.
    pub(crate) fn not_enrolled(&self, trunk: &str) {
        self.enrolled.remove(&Trunk { trunk: trunk.to_owned() });
    }

    /// A change of masks is in force.
    pub(crate) fn took(&self, took: Took) {
        self.change_seconds.observe(took.seconds);
        if took.by_command {
            self.mask_seconds.observe(took.seconds);
        }
    }
}

impl Gauges {
    fn register(&self, to: &mut Registry) {
        self.register_house(to);
        self.register_signalling(to);
        self.register_media(to);
        let store = to.sub_registry_with_prefix("store");
        store.register("up", "1: the store takes what it is given", self.store_up.clone());
        store.register("written", "Writes that are in the database", self.store_written.clone());
        store.register("spooled", "Writes that went through the spool", self.store_spooled.clone());
        store.register("lost", "Writes that were lost", self.store_lost.clone());
        store.register("failures", "Times the database did not take something", self.store_failures.clone());
        store.register("waiting", "Writes that wait in memory", self.store_waiting.clone());
        store.register("spool_bytes", "Bytes of the spool in use", self.store_spool_bytes.clone());
    }

    fn register_house(&self, to: &mut Registry) {
        to.register("calls", "Calls now", self.calls.clone());
        to.register("legs", "Legs now", self.legs.clone());
        to.register("participants", "Participants now, by status", self.participants.clone());
        to.register("transfers_now", "Transfers under way, by phase", self.transfers.clone());
        to.register("agents", "Agents, by state", self.agents.clone());
        to.register("agent_calls", "Calls in which agents were live, all agents together", self.agent_calls.clone());
        let what = "Time of all agents together, by what they did in it";
        to.register_with_unit("agent_time", what, Unit::Seconds, self.agent_time.clone());
        to.register("queue_waiting", "Calls that wait in a queue", self.waiting.clone());
        to.register("queue_ready", "Agents ready for a queue", self.ready.clone());
        to.register("queue_open", "1: the queue is open", self.open.clone());
        let what = "How long the first in a queue has waited";
        to.register_with_unit("queue_longest_wait", what, Unit::Seconds, self.longest_wait.clone());
        to.register("draining", "1: no new calls are let in", self.draining.clone());
        to.register("mixer_alarms", "Tightenings that were not in force in time", self.alarms.clone());
    }

    fn register_signalling(&self, to: &mut Registry) {
        let sip = to.sub_registry_with_prefix("sip");
        sip.register("dialogs", "Dialogs now", self.dialogs.clone());
        sip.register("transactions", "Transactions now", self.transactions.clone());
        sip.register("registrations", "Phones that are registered", self.registrations.clone());
        sip.register("connections", "Open connections (TCP)", self.flows.clone());
        sip.register("requests", "Requests, repeats included, by method", self.requests.clone());
        sip.register("responses", "Responses, repeats included, by status", self.responses.clone());
        sip.register("malformed", "What came and was no SIP message", self.malformed.clone());
        sip.register("lost_wishes", "Wishes lost because signalling did not keep up", self.lost_wishes.clone());
        let what = "Requests dropped because of their User-Agent";
        sip.register("dropped_requests", what, self.dropped_requests.clone());
    }

    fn register_media(&self, to: &mut Registry) {
        let media = to.sub_registry_with_prefix("media");
        media.register("legs", "Legs with media now", self.media_legs.clone());
        media.register("packets_received", "RTP packets received", self.packets_received.clone());
        media.register("packets_sent", "RTP packets sent", self.packets_sent.clone());
        media.register("packets_lost", "RTP packets lost on the way to us", self.packets_lost.clone());
        media.register("packets_unsent", "RTP packets the system did not take", self.packets_unsent.clone());
        media.register("packets_dropped", "Datagrams not used, by reason", self.packets_dropped.clone());
        media.register("ports_unbindable", "Ports that could not be bound", self.ports_unbindable.clone());
        media.register("ticks", "Ticks of calls, by thread", self.ticks.clone());
        media.register("ticks_lost", "Ticks skipped because they came too late, by thread", self.ticks_lost.clone());
        let what = "By how much threads woke too late, all turns together";
        media.register_with_unit("late", what, Unit::Seconds, self.late_seconds.clone());
        let what = "By how much a thread woke too late, at worst";
        media.register_with_unit("latest", what, Unit::Seconds, self.latest_seconds.clone());
    }
}
