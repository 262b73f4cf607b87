//! The one task that owns the `Switchboard`: take the next input, ask, carry out the answers in order.
//!
//! It waits for nothing but its bounded inputs and the core's next deadline, so the core knows no lock; and it has no
//! rules of its own.

use std::collections::BTreeMap;

use conference::record::Cause;
use conference::{CallId, CallView, Command, Destination, Event, LegId, Output, Refusal, Report, Switchboard};
use media_mixer::MediaNews;
use sip_signalling::{News, Wish};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tracing::error;

use crate::carry::{Acknowledged, Carry, GateId, Settled, next_of};
use crate::cause;
use crate::clock::Clock;
use crate::config::Config;
use crate::dialplan::DialPlan;
use crate::freeze::FreezeError;
use crate::hours::Hours;
use crate::keeper::Keeper;
use crate::look::{Dialled, Look, Onlookers};
use crate::referred::Guesses;
use crate::translate;
use crate::view::Masks;
use crate::watching::Watches;

#[cfg(test)]
pub(crate) mod tests;

/// Inputs of our own that may wait.
pub(crate) const INPUTS: usize = 256;
/// What people, tests, clocks and signals ask of the switch.
pub(crate) enum Input {
    Command(Box<Command>, oneshot::Sender<Result<Vec<Event>, Refusal>>),
    /// Whom a text would reach if an agent dialled it.
    LookUp(Box<Dialled>, oneshot::Sender<Destination>),
    Masks(oneshot::Sender<Masks>),
    Calls(oneshot::Sender<Vec<CallView>>),
    /// Something to be seen.
    Look(Look),
    /// Which call a leg is in.
    CallOf(LegId, oneshot::Sender<Option<CallId>>),
    /// Let nobody new in (true), or again.
    Drain(bool, oneshot::Sender<()>),
    /// A queue's hours began or ended.
    Hours {
        queue: String,
        open: bool,
    },
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
    /// Whether nobody new is let in.
    pub(crate) draining: bool,
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
    pub(crate) onlookers: Onlookers,
    /// The extensions of agents and queues, by name.
    pub(crate) extensions: BTreeMap<String, String>,
    /// Whether nobody new is let in.
    pub(crate) draining: bool,
    /// Who watches whom.
    pub(crate) watches: Watches,
    /// Gives the store what is to be kept; tests of a part keep nothing.
    pub(crate) keeper: Option<Keeper>,
    /// The hours of every queue that has some, for the clock that watches them.
    hours: watch::Sender<QueueHours>,
}

/// The hours of queues, by name; `None`: always open.
pub(crate) type QueueHours = BTreeMap<String, Option<Hours>>;

/// At a time, or never.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// What woke the switch.
enum Woken {
    Deadline,
    Acknowledged(Acknowledged),
    Settled(Settled),
    Input(Option<Input>),
    Media(Option<MediaNews>),
    Sip(Option<Box<News>>),
    /// Somebody who looks can be answered.
    Look,
}

impl Switch {
    pub(crate) fn new(config: &Config, carry: Carry, clock: Clock) -> Self {
        let mut switch = Self {
            board: Switchboard::default(),
            carry,
            plan: DialPlan::new(config),
            clock,
            guesses: Guesses::default(),
            onlookers: Onlookers::default(),
            extensions: BTreeMap::new(),
            draining: false,
            watches: Watches::default(),
            keeper: None,
            hours: watch::Sender::default(),
        };
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
                    self.carry.reaction(Cause::Time, outputs);
                    self.settle();
                }
                Woken::Acknowledged(acknowledged) => {
                    self.carry.go_on(acknowledged);
                    self.settle();
                }
                Woken::Settled(settled) => self.carry.settled(settled),
                Woken::Input(None | Some(Input::Quit)) => return self.finish().await,
                Woken::Input(Some(input)) => self.take(input).await,
                Woken::Media(Some(news)) => self.hear_media(news),
                Woken::Sip(Some(news)) => self.hear(*news),
                Woken::Media(None) => return error!("the mixer is gone"),
                Woken::Sip(None) => return error!("the signalling is gone"),
                Woken::Look => self.show(),
            }
            self.pass_over();
            self.tell_watchers();
            self.keep();
        }
    }

    /// Hands out whatever is to be kept or counted.
    fn keep(&mut self) {
        for took in self.carry.book.take_took() {
            self.carry.metrics.took(took);
        }
        let (kept, due) = (self.carry.book.take_kept(), self.carry.teller.due());
        let agents = std::mem::take(&mut self.carry.agents);
        let Some(keeper) = &mut self.keeper else { return };
        kept.into_iter().for_each(|write| keeper.keep(write));
        if let Some(reserved) = due {
            keeper.reserve(reserved);
        }
        agents.iter().for_each(|agent| keeper.changed(agent));
        keeper.settle(|agent| self.board.agent(agent));
    }

    /// The last of what is to be kept.
    async fn finish(mut self) {
        self.keep();
        if let Some(keeper) = self.keeper.take() {
            keeper.finish().await;
        }
    }

    /// The next thing to be done. What is due, and whatever closes ears, goes before what is new; whoever only looks comes last.
    async fn next(&mut self, sources: &mut Sources) -> Woken {
        if self.must_show() {
            return Woken::Look;
        }
        let look = self.next_look();
        let deadline = self.board.deadline().map(|moment| Instant::from_std(self.clock.instant(moment)));
        tokio::select! {
            biased;
            () = at(deadline) => Woken::Deadline,
            acknowledged = next_of(&mut self.carry.acknowledgements) => Woken::Acknowledged(acknowledged),
            settled = next_of(&mut self.carry.settled) => Woken::Settled(settled),
            input = sources.inputs.recv() => Woken::Input(input),
            news = sources.media.recv() => Woken::Media(news),
            news = sources.sip.recv() => Woken::Sip(news.map(Box::new)),
            () = at(look) => Woken::Look,
        }
    }

    /// Tells the core what happened and carries out what it answers.
    pub(crate) fn report(&mut self, report: Report) {
        self.tell_core(report);
        self.settle();
    }

    fn tell_core(&mut self, report: Report) {
        let cause = cause::of_report(&report);
        // a leg of several may go without a word of the core on it
        self.carry.moved.extend(cause::leg_of(&report).and_then(|leg| self.board.call_of(leg)));
        let outputs = self.board.report(self.clock.now(), report);
        self.carry.reaction(cause, outputs);
    }

    /// Asks the core for something and carries out what it answers. Returns what a word on it has to stand behind.
    pub(crate) fn command(&mut self, command: Command) -> Result<(Vec<Event>, Vec<GateId>), Refusal> {
        self.may_pass(&command)?;
        let cause = self.cause_of_command(&command);
        let of_whom = if let Command::SetState { agent, .. } = &command { Some(agent.clone()) } else { None };
        let outputs = self.board.command(self.clock.now(), command)?;
        // also of somebody whose state is the same to look at
        self.carry.agents.extend(of_whom);
        let events = outputs.iter().filter_map(|output| match output {
            Output::Event(event) => Some(event.clone()),
            Output::Effect(_) => None,
        });
        let events = events.collect();
        let behind = self.carry.reaction(cause, outputs);
        self.settle();
        Ok((events, behind))
    }

    /// While nobody new is let in no call is opened by command either, but by an agent in a call, as at the doors for
    /// INVITEs.
    fn may_pass(&self, command: &Command) -> Result<(), Refusal> {
        if self.draining
            && let Command::Dial { from, .. } = command
            && self.board.calls_of(from).is_empty()
        {
            return Err(Refusal::Draining);
        }
        Ok(())
    }

    /// Tells the core what carrying out led to, until nothing more does.
    pub(crate) fn settle(&mut self) {
        while let Some(report) = self.carry.reports.pop_front().or_else(|| self.look_up()) {
            self.tell_core(report);
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
                Ok((events, behind)) => self.carry.say(behind, move || _ = reply.send(Ok(events))),
                Err(refusal) => _ = reply.send(Err(refusal)),
            },
            Input::Masks(reply) => _ = reply.send(self.carry.view.clone()),
            Input::Calls(reply) => {
                let calls = self.board.calls().collect();
                self.carry.say(self.carry.not_in_force(), move || _ = reply.send(calls));
            }
            Input::LookUp(dialled, reply) => _ = reply.send(self.plan.for_agents(&dialled.user, dialled.ours)),
            Input::Look(look) => self.look(look),
            Input::CallOf(leg, reply) => _ = reply.send(self.carry.legs.call(leg)),
            Input::Hours { queue, open } => self.report(Report::Hours { queue, open }),
            Input::Drain(drain, reply) => {
                self.drain(drain);
                _ = reply.send(());
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
        for gone in self.carry.ways.trunks() {
            if !config.trunks.iter().any(|trunk| trunk.name == *gone && trunk.register) {
                self.carry.metrics.not_enrolled(gone);
            }
        }
        self.carry.ways.configure(config);
        self.extensions = translate::extensions(config);
        let settings = translate::core(config, &self.plan);
        if let Err(refusal) = self.command(Command::Configure(settings)) {
            error!(code = refusal.code(), "the core refused its settings");
        }
        self.watched_under_new_settings();
        self.carry.endpoint.wish(Wish::Reload(translate::directory(config)));
        let hours = config.queues.iter().map(|queue| (queue.name.clone(), queue.hours.clone())).collect();
        self.hours.send_replace(hours);
    }

    /// The hours of queues, now and after every reload.
    pub(crate) fn hours(&self) -> watch::Receiver<QueueHours> {
        self.hours.subscribe()
    }

    /// Lets nobody new in (true), or again. Calls go on, and whoever is in one may consult.
    fn drain(&mut self, drain: bool) {
        self.draining = drain;
        self.carry.endpoint.wish(Wish::Doors { shut: drain });
    }

    fn load(&self) -> Load {
        Load {
            calls: self.carry.view.calls.len(),
            legs: self.carry.legs.len(),
            alarms: self.carry.alarms,
            waits: self.carry.waits(),
            draining: self.draining,
        }
    }
}
