//! The state table of a recipient: a pure function that every change of the queue goes through.
//!
//! A recipient is in exactly one state. `queued` and `held` have two stages: before planning the recipient belongs to
//! the message that came in (`plan`), afterwards to the child that is delivered to it (`deliver`).
//!
//! | state | planned | held | to the portal | retry | delivered | bounced | released | retried now | dropped |
//! |---|---|---|---|---|---|---|---|---|---|
//! | queued, plan | queued, deliver | held, plan | portal | queued, plan | | bounced | | queued, plan | dropped |
//! | queued, deliver | | held, deliver | | queued, deliver | delivered | bounced | | queued, deliver | dropped |
//! | held, plan | queued, deliver | held, plan | portal | | | bounced | queued, plan | | dropped |
//! | held, deliver | | held, deliver | | | | bounced | queued, deliver | | dropped |
//! | portal | | | | | delivered | bounced | | | dropped |
//! | delivered, bounced, dropped | | | | | | | | | |
//!
//! An empty field is an event that is refused; the last row never changes again. A held message that is planned
//! again keeps its original body, so that a key which arrives later can still protect it.

use std::fmt;

use serde::Serialize;

/// Where a recipient stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Given back to the sender.
    Bounced,
    /// Taken by the next hop, or read at the portal.
    Delivered,
    /// Given up by an administrator.
    Dropped,
    /// Waits for a key, an approval or an administrator.
    Held(Stage),
    /// Waits at the portal for its reader.
    Portal,
    /// Waits for its turn.
    Queued(Stage),
}

/// What a waiting recipient waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// A plan: the message is still the one that came in.
    Plan,
    /// Delivery of the child it was given.
    Deliver,
}

/// What may happen to a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// It was given back to the sender, or expired.
    Bounced,
    /// The next hop took it.
    Delivered,
    /// An administrator gave it up.
    Dropped,
    /// It has to wait for somebody.
    Held,
    /// It was given a child that goes to the next hop.
    Planned,
    /// It was laid out at the portal.
    Portal,
    /// What it waited for is there.
    Released,
    /// An administrator does not want to wait for the next attempt.
    Retried,
    /// It did not work now, but may later.
    Retry,
}

/// The event cannot happen in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a recipient that is {state} cannot become {event:?}")]
pub struct Illegal {
    /// The state it is in.
    pub state: State,
    /// What was refused.
    pub event: Event,
}

/// Returns the state after `event`.
pub fn next(state: State, event: Event) -> Result<State, Illegal> {
    use Stage::{Deliver, Plan};
    match (state, event) {
        (State::Queued(Plan) | State::Held(Plan), Event::Planned) => Ok(State::Queued(Deliver)),
        (State::Queued(Plan) | State::Held(Plan), Event::Portal) => Ok(State::Portal),
        (State::Queued(at) | State::Held(at), Event::Held) => Ok(State::Held(at)),
        (State::Queued(at), Event::Retry | Event::Retried) | (State::Held(at), Event::Released) => {
            Ok(State::Queued(at))
        }
        (State::Queued(Deliver) | State::Portal, Event::Delivered) => Ok(State::Delivered),
        (State::Queued(_) | State::Held(_) | State::Portal, Event::Bounced) => Ok(State::Bounced),
        (State::Queued(_) | State::Held(_) | State::Portal, Event::Dropped) => Ok(State::Dropped),
        _ => Err(Illegal { state, event }),
    }
}

impl State {
    /// All states, for documents and tests.
    pub const ALL: [Self; 8] = [
        Self::Queued(Stage::Plan),
        Self::Queued(Stage::Deliver),
        Self::Held(Stage::Plan),
        Self::Held(Stage::Deliver),
        Self::Portal,
        Self::Delivered,
        Self::Bounced,
        Self::Dropped,
    ];

    /// Returns the word people read: `queued`, `held`, `portal`, `delivered`, `bounced` or `dropped`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Bounced => "bounced",
            Self::Delivered => "delivered",
            Self::Dropped => "dropped",
            Self::Held(_) => "held",
            Self::Portal => "portal",
            Self::Queued(_) => "queued",
        }
    }

    /// Returns true if nothing can happen to the recipient any more.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Bounced | Self::Delivered | Self::Dropped)
    }

    /// Returns the state of a row: the word, and whether the row names a child.
    pub(crate) fn from_row(word: &str, is_planned: bool) -> Option<Self> {
        let stage = if is_planned { Stage::Deliver } else { Stage::Plan };
        match word {
            "bounced" => Some(Self::Bounced),
            "delivered" => Some(Self::Delivered),
            "dropped" => Some(Self::Dropped),
            "held" => Some(Self::Held(stage)),
            "portal" => Some(Self::Portal),
            "queued" => Some(Self::Queued(stage)),
            _ => None,
        }
    }
}

impl Event {
    /// All events, for documents and tests.
    pub const ALL: [Self; 9] = [
        Self::Planned,
        Self::Held,
        Self::Portal,
        Self::Retry,
        Self::Delivered,
        Self::Bounced,
        Self::Released,
        Self::Retried,
        Self::Dropped,
    ];
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queued(stage) | Self::Held(stage) => {
                write!(f, "{}, {}", self.word(), stage.word())
            }
            _ => f.write_str(self.word()),
        }
    }
}

impl Serialize for State {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl Stage {
    fn word(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Deliver => "deliver",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the table above as a person would and compares every field of it with the function.
    #[test]
    fn the_table_in_the_documentation_is_the_function() {
        let rows: Vec<Vec<&str>> = include_str!("state.rs")
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .filter_map(|line| line.strip_prefix("//! | "))
            .map(|line| line.trim_end_matches('|').split('|').map(str::trim).collect())
            .collect();
        assert_eq!(rows.len(), 7);
        assert_eq!(rows[0].len(), Event::ALL.len() + 1);
        for state in State::ALL {
            let name = state.to_string();
            let row = rows[1..]
                .iter()
                .find(|row| row[0] == name || state.is_terminal() && row[0].contains(&name));
            let row = row.unwrap_or_else(|| panic!("no row for {name}"));
            for (event, field) in Event::ALL.iter().zip(&row[1..]) {
                let after = next(state, *event).map(|after| after.to_string()).unwrap_or_default();
                assert_eq!(&after, field, "{name} + {event:?}");
            }
        }
    }

    #[test]
    fn rows_read_back() {
        for state in State::ALL {
            for is_planned in [false, true] {
                let read = State::from_row(state.word(), is_planned).unwrap();
                assert_eq!(read.word(), state.word());
            }
        }
        assert_eq!(State::from_row("", true), None);
    }
}
