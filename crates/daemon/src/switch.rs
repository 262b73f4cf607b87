//! The one task that owns the `Switchboard`: take the next input, ask, carry out the answers in order.
//!
//! It waits for nothing but its bounded inputs and the core's next deadline, so the core knows no lock; and it has no
//! rules of its own.

use std::collections::BTreeMap;
use std::net::IpAddr;

use conference::{AgentName, CallView, Command, Event, Moment, Refusal, Report, Switchboard};
use media_mixer::MediaNews;
use sip_signalling::{News, Wish};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::Instant;
use tracing::error;

use crate::carry::{Acknowledged, Carry, GateId, acknowledged};
use crate::clock::Clock;
use crate::config::Config;
use crate::dialplan::DialPlan;
use crate::freeze::FreezeError;
use crate::referred::Guesses;
use crate::translate;
use crate::view::Masks;

#[cfg(test)]
mod tests;

/// Inputs of our own that may wait.
pub(crate) const INPUTS: usize = 256;
/// Events a slow listener may be behind before it loses the oldest.
pub(crate) const EVENTS: usize = 4096;

/// An event and its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When.
    pub at: Moment,
    /// What.
    pub event: Event,
}

/// What people, tests and signals ask of the switch.
pub(crate) enum Input {
    Command(Box<Command>, oneshot::Sender<Result<(), Refusal>>),
    Masks(oneshot::Sender<Masks>),
    Calls(oneshot::Sender<Vec<CallView>>),
    Counts(oneshot::Sender<Load>),
    FreezeAndThaw(oneshot::Sender<Result<usize, FreezeError>>),
    Reload(Box<Config>, oneshot::Sender<()>),
    /// Say BYE to everybody and let nobody in.
    Shutdown(oneshot::Sender<()>),
    /// Nothing is left to be done.
    Quit,
}

/// What the switch has to carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) calls: usize,
    pub(crate) legs: usize,
    pub(crate) alarms: u64,
    /// Whether some call's steps still wait for the mixer.
    pub(crate) waits: bool,
}

/// Where the inputs come from.
pub(crate) struct Sources {
    pub(crate) inputs: mpsc::Receiver<Input>,
    pub(crate) sip: mpsc::Receiver<News>,
    pub(crate) media: mpsc::Receiver<MediaNews>,
}

/// The switch.
pub(crate) struct Switch {
    pub(crate) board: Switchboard,
    pub(crate) carry: Carry,
    pub(crate) plan: DialPlan,
    pub(crate) clock: Clock,
    pub(crate) guesses: Guesses,
}

/// What woke the switch.
enum Woken {
    Deadline,
    Acknowledged(Acknowledged),
    Whereabouts(BTreeMap<AgentName, IpAddr>),
    Input(Option<Input>),
    Media(Option<MediaNews>),
    Sip(Option<Box<News>>),
}

impl Switch {
    pub(crate) fn new(config: &Config, carry: Carry, clock: Clock) -> Self {
        let plan = DialPlan::new(config);
        let mut switch = Self { board: Switchboard::default(), carry, plan, clock, guesses: Guesses::default() };
        switch.configure(config);
        switch
    }

    /// Runs until told to quit, or until an edge is gone.
    pub(crate) async fn run(mut self, mut sources: Sources) {
        loop {
            let woken = self.next(&mut sources).await;
            match woken {
                Woken::Deadline => {
                    let outputs = self.board.expire(self.clock.now());
                    self.carry.reaction(outputs);
                    self.settle();
                }
                Woken::Acknowledged(acknowledged) => {
                    self.carry.go_on(acknowledged);
                    self.settle();
                }
                Woken::Whereabouts(seen) => self.carry.whereabouts.learn(seen, &self.carry.endpoint),
                Woken::Input(None | Some(Input::Quit)) => return,
                Woken::Input(Some(input)) => self.take(input).await,
                Woken::Media(Some(news)) => self.hear_media(news),
                Woken::Sip(Some(news)) => self.hear(*news),
                Woken::Media(None) => return error!("the mixer is gone"),
                Woken::Sip(None) => return error!("the signalling is gone"),
            }
        }
    }

    /// The next thing to be done. What is due, and whatever closes ears, goes before what is new.
    async fn next(&mut self, sources: &mut Sources) -> Woken {
        let deadline = self.board.deadline().map(|moment| Instant::from_std(self.clock.instant(moment)));
        let due = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = due => Woken::Deadline,
            acknowledged = acknowledged(&mut self.carry.acknowledgements) => Woken::Acknowledged(acknowledged),
            seen = self.carry.whereabouts.answer() => Woken::Whereabouts(seen),
            input = sources.inputs.recv() => Woken::Input(input),
            news = sources.media.recv() => Woken::Media(news),
            news = sources.sip.recv() => Woken::Sip(news.map(Box::new)),
        }
    }

    /// Tells the core what happened and carries out what it answers.
    pub(crate) fn report(&mut self, report: Report) {
        let outputs = self.board.report(self.clock.now(), report);
        self.carry.reaction(outputs);
        self.settle();
    }

    /// Asks the core for something and carries out what it answers. Returns what a word on it has to stand behind.
    pub(crate) fn command(&mut self, command: Command) -> Result<Vec<GateId>, Refusal> {
        let outputs = self.board.command(self.clock.now(), command)?;
        let behind = self.carry.reaction(outputs);
        self.settle();
        Ok(behind)
    }

    /// Tells the core what carrying out led to, until nothing more does.
    pub(crate) fn settle(&mut self) {
        while let Some(report) = self.carry.reports.pop_front().or_else(|| self.look_up()) {
            let outputs = self.board.report(self.clock.now(), report);
            self.carry.reaction(outputs);
        }
    }

    /// Asks the dial plan what a keypad wants to know.
    fn look_up(&mut self) -> Option<Report> {
        let (leg, dialled) = self.carry.look_ups.pop_front()?;
        let target = self.plan.for_agents(&dialled, true);
        Some(Report::Looked { leg, target, shown: dialled })
    }

    pub(crate) async fn take(&mut self, input: Input) {
        // whoever asked may have gone meanwhile
        match input {
            Input::Command(command, reply) => match self.command(*command) {
                // tighten before you tell: whoever asked is told too
                Ok(behind) => self.carry.say(behind, move || _ = reply.send(Ok(()))),
                Err(refusal) => _ = reply.send(Err(refusal)),
            },
            Input::Masks(reply) => _ = reply.send(self.carry.view.clone()),
            Input::Calls(reply) => {
                let calls = self.board.calls().collect();
                self.carry.say(self.carry.not_in_force(), move || _ = reply.send(calls));
            }
            Input::Counts(reply) => _ = reply.send(self.load()),
            Input::FreezeAndThaw(reply) => {
                let frozen = self.freeze_and_thaw().await;
                _ = reply.send(frozen);
            }
            Input::Reload(config, reply) => {
                self.configure(&config);
                _ = reply.send(());
            }
            Input::Shutdown(reply) => {
                self.carry.endpoint.wish(Wish::Drain);
                if let Err(refusal) = self.command(Command::Shutdown) {
                    error!(code = refusal.code(), "the core refused to end its calls");
                }
                _ = reply.send(());
            }
            Input::Quit => {}
        }
    }

    /// Puts new settings in force. Calls go on.
    fn configure(&mut self, config: &Config) {
        self.plan = DialPlan::new(config);
        self.carry.trunks = config.trunks.iter().map(|trunk| (trunk.name.clone(), trunk.address.ip())).collect();
        let settings = translate::core(config, &self.plan);
        if let Err(refusal) = self.command(Command::Configure(settings)) {
            error!(code = refusal.code(), "the core refused its settings");
        }
        self.carry.endpoint.wish(Wish::Reload(translate::directory(config)));
    }

    fn load(&self) -> Load {
        Load {
            calls: self.carry.view.calls.len(),
            legs: self.carry.legs.len(),
            alarms: self.carry.alarms,
            waits: self.carry.waits(),
        }
    }
}

/// A channel for events that nobody needs to read.
pub(crate) fn event_channel() -> broadcast::Sender<Told> {
    broadcast::Sender::new(EVENTS)
}
