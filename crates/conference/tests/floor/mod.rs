//! Verbs for tests of agents and queues, on top of `house`.
#![allow(dead_code, clippy::unwrap_used, clippy::wildcard_enum_match_arm, unreachable_pub)]

use conference::{
    AgentName, AgentState, Asker, Availability, Command, Destination, Effect, Event, LegId, Output, QueueExit,
    QueueSettings, Refusal, Report, ReservationEnd, ReservationId, Settings,
};

use crate::house::{House, IntoAgent as _, settings};

pub fn queue(name: &str) -> Destination {
    Destination::Queue(name.to_owned())
}

/// The usual house, with the queue `support` as it is changed here.
pub fn with_support(change: impl FnOnce(&mut QueueSettings)) -> Settings {
    let mut settings = settings();
    change(settings.queues.get_mut("support").unwrap());
    settings
}

impl House {
    /// These agents register one phone each, a second apart.
    pub fn on_duty(names: &[&str]) -> Self {
        Self::on_duty_with(settings(), names)
    }

    pub fn on_duty_with(settings: Settings, names: &[&str]) -> Self {
        let mut house = Self::with(settings);
        for name in names {
            house.registers(name, 1);
            house.wait(1);
        }
        house
    }

    pub fn registers(&mut self, name: &str, phones: u32) {
        self.report(Report::Registered { agent: name.into_agent(), phones });
    }

    pub fn says(&mut self, name: &str, availability: Availability) -> Result<Vec<Output>, Refusal> {
        let agent = name.into_agent();
        self.command(Command::SetState { by: Asker::Agent(agent.clone()), agent, availability })
    }

    pub fn state(&self, name: &str) -> AgentState {
        self.board.agent(&name.into_agent()).unwrap().state
    }

    pub fn hours(&mut self, queue: &str, open: bool) {
        self.report(Report::Hours { queue: queue.to_owned(), open });
    }

    /// A customer calls the queue.
    pub fn waits(&mut self, number: &str) -> LegId {
        self.customer_dials(number, queue("support"))
    }

    /// Whom these legs ring for.
    pub fn rings_at(&self, leg: LegId) -> String {
        let name = self.all.iter().find_map(|output| match output {
            Output::Effect(Effect::Ring { leg: rung, to: Destination::Agent(name), .. }) if *rung == leg => {
                Some(name.0.clone())
            }
            _ => None,
        });
        name.unwrap()
    }

    /// The agents who are offered a call now, in the order of the offers.
    pub fn offered(&self) -> Vec<String> {
        self.board.reservations().map(|offer| offer.agent.0).collect()
    }

    /// The offer to an agent.
    pub fn offer(&self, name: &str) -> ReservationId {
        self.board.reservations().find(|offer| offer.agent.0 == name).unwrap().id
    }

    /// The leg that is rung for an offer to an agent.
    pub fn offer_leg(&self, name: &str) -> LegId {
        assert!(self.offered().iter().any(|other| other == name), "{name} is offered nothing: {:?}", self.offered());
        let rung = self.all.iter().rev().find_map(|output| match output {
            Output::Effect(Effect::Ring { leg, to: Destination::Agent(agent), .. }) if agent.0 == name => Some(*leg),
            _ => None,
        });
        rung.unwrap()
    }

    pub fn accepts(&mut self, name: &str) -> Result<Vec<Output>, Refusal> {
        let (reservation, by) = (self.offer(name), Asker::Agent(name.into_agent()));
        self.command(Command::Accept { reservation, by })
    }

    pub fn rejects(&mut self, name: &str) -> Result<Vec<Output>, Refusal> {
        let (reservation, by) = (self.offer(name), Asker::Agent(name.into_agent()));
        self.command(Command::Reject { reservation, by })
    }

    /// To whom calls were offered so far, and how the offers ended.
    pub fn offers_ended(&self) -> Vec<(String, ReservationEnd)> {
        let ended = |output: &Output| match output {
            Output::Event(Event::ReservationEnded { agent, how, .. }) => Some((agent.0.clone(), *how)),
            _ => None,
        };
        self.all.iter().filter_map(ended).collect()
    }

    /// To whom calls were offered so far.
    pub fn offers_so_far(&self) -> Vec<String> {
        let offered = |output: &Output| match output {
            Output::Event(Event::Reserved { agent, .. }) => Some(agent.0.clone()),
            _ => None,
        };
        self.all.iter().filter_map(offered).collect()
    }

    /// How calls left queues so far.
    pub fn exits(&self) -> Vec<(String, QueueExit)> {
        let left = |output: &Output| match output {
            Output::Event(Event::QueueLeft { queue, how, .. }) => Some((queue.clone(), *how)),
            _ => None,
        };
        self.all.iter().filter_map(left).collect()
    }

    /// What agents were told to do in the last reactions.
    pub fn states_told(&self) -> Vec<(String, AgentState)> {
        let told = |output: &Output| match output {
            Output::Event(Event::AgentChanged { agent, state }) => Some((agent.0.clone(), *state)),
            _ => None,
        };
        self.last.iter().filter_map(told).collect()
    }

    pub fn agent_name(name: &str) -> AgentName {
        name.into_agent()
    }
}

impl House {
    /// The leg that was rung last for any offer.
    pub fn offer_leg_of_last(&self) -> LegId {
        self.rung()
    }
}
