//! What came out: the middle round of each contender, the lowest and highest, and ratios to Postfix in the same round.

use serde::Serialize;

use super::{
    contenders::Contender,
    round::{Load, Round},
    spread::Spread,
};

/// All results of one run.
#[derive(Serialize)]
pub(super) struct Report {
    /// Octets of a message.
    pub(super) size: u32,
    pub(super) rounds: u32,
    pub(super) rows: Vec<Row>,
}

/// One contender with one number of sessions.
#[derive(Serialize)]
pub(super) struct Row {
    sessions: u32,
    contender: String,
    messages: u32,
    accepted_per_second: Spread,
    delivered_per_second: Spread,
    cpu_ms_per_message: Option<Spread>,
    /// How many times as many messages Postfix delivered in a second.
    speed_ratio: Spread,
    /// How many times as much CPU Postfix used for a message.
    cpu_ratio: Option<Spread>,
}

impl Row {
    /// Sums up the rounds; those of the reference were run in turns with them.
    pub(super) fn new(
        contender: &dyn Contender,
        load: &Load,
        rounds: &[Round],
        reference: &[Round],
    ) -> Self {
        let pairs = || rounds.iter().zip(reference);
        Self {
            sessions: load.sessions,
            contender: contender.name(),
            messages: load.messages,
            accepted_per_second: Spread::of(rounds.iter().map(|round| round.accepted_per_second)),
            delivered_per_second: Spread::of(rounds.iter().map(|round| round.delivered_per_second)),
            cpu_ms_per_message: Spread::of_some(
                rounds.iter().map(|round| round.cpu_ms_per_message),
            ),
            speed_ratio: Spread::of(
                pairs()
                    .map(|(ours, theirs)| ours.delivered_per_second / theirs.delivered_per_second),
            ),
            cpu_ratio: Spread::of_some(
                pairs().map(|(ours, theirs)| {
                    Some(theirs.cpu_ms_per_message? / ours.cpu_ms_per_message?)
                }),
            ),
        }
    }
}

impl Report {
    /// Prints the table.
    pub(super) fn print_text(&self) {
        println!(
            "messages of {} octets; the middle of {} rounds (lowest–highest); CPU in ms a message;\n\
             the ratios say how much better than Postfix in the same round",
            self.size, self.rounds
        );
        println!(
            "\n{:>8}  {:<18}  {:>8}  {:>20}  {:>20}  {:>19}  {:>18}  {:>18}",
            "sessions",
            "contender",
            "messages",
            "accept/s",
            "deliver/s",
            "CPU",
            "speed ratio",
            "CPU ratio"
        );
        for row in &self.rows {
            let or_dash = |spread: &Option<Spread>, digits, unit| {
                spread.as_ref().map_or("-".into(), |spread| spread.text(digits) + unit)
            };
            println!(
                "{:>8}  {:<18}  {:>8}  {:>20}  {:>20}  {:>19}  {:>18}  {:>18}",
                row.sessions,
                row.contender,
                row.messages,
                row.accepted_per_second.text(0),
                row.delivered_per_second.text(0),
                or_dash(&row.cpu_ms_per_message, 3, ""),
                row.speed_ratio.text(2) + "x",
                or_dash(&row.cpu_ratio, 2, "x"),
            );
        }
    }
}
