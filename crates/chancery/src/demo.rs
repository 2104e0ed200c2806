//! `chancery demo`: two organisations, an internet between them, one message, and what everybody saw of it.
//!
//! Both gateways are real processes of this program with data directories of their own. Only the internet and the
//! mailbox at the end are played by the demo itself, so that it can show what an eavesdropper sees.

use std::path::{Path, PathBuf};
use std::time::Instant;

use chancery_mail::{HeaderBlock, address};
use serde::Serialize;
use serde_json::Value;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::Demo;
use crate::failure::{Failure, Result};
use crate::output::{Output, note, plain};

mod checks;
mod stations;
mod world;

use world::{Place, World};

/// What the demo did and found.
#[derive(Debug, Serialize)]
struct Report {
    steps: Vec<Step>,
    sent_octets: usize,
    wire_octets: usize,
    delivered_octets: usize,
    verdict: Value,
    problems: Vec<String>,
}

/// One step with its duration.
#[derive(Debug, Serialize)]
struct Step {
    what: String,
    milliseconds: f64,
}

/// Runs the demo.
pub fn run(options: &Demo, output: Output) -> Result {
    let message = match &options.message {
        None => normalised(BUILT_IN.as_bytes()),
        Some(file) => normalised(&read(file)?),
    };
    if chancery_wire::smtp::data::Facts::of(&message).has_bare_newline {
        return Err(Failure::usage("the message has a CR without LF, which mail must not have")
            .hint("give the file the line ends of text files, LF or CR LF"));
    }
    // Removed last of all, when nothing is left that could still write into it.
    let place = Place::make()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::failed(format!("cannot start the runtime: {error}")))?;
    let result = runtime.block_on(async {
        let mut signals = Signals::watch()?;
        let mut world = None;
        // Whatever ends it, the processes and directories of the demo go with it.
        let result = tokio::select! {
            played = play(options, message, output, &place, &mut world) => played,
            () = signals.any() => ended(options),
        };
        if let Some(world) = world {
            world.stop().await;
        }
        result
    });
    // Keys may still be in the making on another thread; this waits for it.
    drop(runtime);
    drop(place);
    result
}

/// The signals that end a program which a person or a service manager started.
struct Signals([Signal; 3]);

impl Signals {
    fn watch() -> Result<Self> {
        let watch = |kind| {
            signal(kind)
                .map_err(|error| Failure::failed(format!("cannot watch for signals: {error}")))
        };
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [interrupt, terminate, hangup] = kinds.map(watch);
        Ok(Self([interrupt?, terminate?, hangup?]))
    }

    async fn any(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// Being ended by a signal is what `--keep` waits for, and a failure otherwise.
fn ended(options: &Demo) -> Result {
    if options.keep { Ok(()) } else { Err(Failure::failed("the demo was interrupted")) }
}

async fn play(
    options: &Demo,
    message: Vec<u8>,
    output: Output,
    place: &Place,
    slot: &mut Option<World>,
) -> Result {
    let mut story = Story { output, steps: Vec::new(), since: Instant::now() };
    story.say("Two organisations on this machine, and an internet between them that listens.\n");
    let own_domain = author_domain(&message);
    let world = slot.insert(World::build(place, options.key_type, own_domain.as_deref()).await?);
    story.step(
        "set up Acme (acme.example) and Globex (globex.example): keys, certificates, configuration",
    );
    world.exchange_cards().await?;
    story.say(&format!(
        "    Acme's fingerprint    {}\n    Globex's fingerprint  {}",
        world.acme.fingerprint, world.globex.fingerprint
    ));
    story.step("exchanged partner cards and compared their fingerprints");
    world.start().await?;
    story.step("started both gateways, each a process of its own");
    let id = world.send(&message).await?;
    story.step("juergen@acme.example sent a message to bob@globex.example");
    let seen = world.wait_for_mail().await?;
    story.step("it was encrypted and signed by Acme, crossed the internet, was opened and verified by Globex, and delivered");
    let verdict = world.verdict().await?;
    let decision = world.acme_decision(&id)?;
    story.show(&message, &seen.wire, &seen.delivered, &verdict, &decision);
    let receiver = world.globex.hostname();
    let problems = checks::all(&message, &seen.wire, &seen.delivered, &verdict, receiver);
    if let Some(directory) = &options.out {
        write_out(directory, &message, &seen, &verdict)?;
        story.say(&format!(
            "\nWrote sent.eml, wire.eml, delivered.eml and verdict.json to {}",
            directory.display()
        ));
    }
    let report = Report {
        steps: story.steps,
        sent_octets: message.len(),
        wire_octets: seen.wire.len(),
        delivered_octets: seen.delivered.len(),
        verdict,
        problems,
    };
    output.show(&report, || summary(&report))?;
    if options.keep {
        world.keep().await;
    }
    if report.problems.is_empty() {
        Ok(())
    } else {
        Err(Failure::no("the demo found something wrong; see above"))
    }
}

/// Tells the story as it goes, unless programs read the result.
struct Story {
    output: Output,
    steps: Vec<Step>,
    since: Instant,
}

impl Story {
    fn say(&self, text: &str) {
        if !self.output.is_json() {
            note(text);
        }
    }

    fn step(&mut self, what: &str) {
        let milliseconds = self.since.elapsed().as_secs_f64() * 1000.0;
        self.say(&format!("{milliseconds:>8.1} ms  {what}"));
        self.steps.push(Step { what: what.to_owned(), milliseconds });
        self.since = Instant::now();
    }

    /// Shows the message at its three stations.
    fn show(&self, sent: &[u8], wire: &[u8], delivered: &[u8], verdict: &Value, decision: &str) {
        self.say(&format!("\n── What Jürgen sent ({} octets)\n{}", sent.len(), excerpt(sent)));
        self.say(&format!(
            "\n── What an eavesdropper sees ({} octets)\n{}",
            wire.len(),
            excerpt(wire)
        ));
        self.say(&format!(
            "\n── What Bob reads ({} octets)\n{}",
            delivered.len(),
            excerpt(delivered)
        ));
        self.say(&format!("\n── Why Acme protected it\n{decision}"));
        let text = |key: &str| verdict.get(key).and_then(Value::as_str).unwrap_or("?").to_owned();
        self.say(&format!(
            "\n── The verdict of Globex: {} ({})",
            text("result"),
            text("protection")
        ));
        self.say(&format!("    form: {}", text("form")));
        for signer in verdict.get("signers").and_then(Value::as_array).into_iter().flatten() {
            let of = |key: &str| plain(signer.get(key).and_then(Value::as_str).unwrap_or("?"));
            self.say(&format!("    signed by {}: {}", of("subject"), of("why")));
        }
        for problem in verdict.get("problems").and_then(Value::as_array).into_iter().flatten() {
            self.say(&format!(
                "    problem: {}",
                plain(problem.get("text").and_then(Value::as_str).unwrap_or("?"))
            ));
        }
    }
}

fn summary(report: &Report) -> String {
    let total: f64 = report.steps.iter().map(|step| step.milliseconds).sum();
    if report.problems.is_empty() {
        return format!(
            "\nThe delivered message is the sent one, octet for octet, behind new trace and result fields.\n\
             The wire shows no line of it. The verdict is what it must be. {:.1} seconds in all.",
            total / 1000.0
        );
    }
    let list: Vec<String> = report.problems.iter().map(|it| format!("  - {it}")).collect();
    format!("\nPROBLEMS\n{}", list.join("\n"))
}

/// Returns the beginning of a message with long headers and bodies cut.
fn excerpt(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let mut lines: Vec<String> = text
        .lines()
        .take(MAX_LINES)
        .map(|line| {
            let mut line: String = plain(&line.replace('\t', "    ")).chars().take(100).collect();
            line.insert_str(0, "    │ ");
            line
        })
        .collect();
    let left = text.lines().count().saturating_sub(MAX_LINES);
    if left > 0 {
        lines.push(format!("    │ … {left} more lines"));
    }
    lines.join("\n")
}

fn write_out(directory: &Path, sent: &[u8], seen: &world::Seen, verdict: &Value) -> Result {
    let cannot = |error: std::io::Error| {
        Failure::failed(format!("cannot write to {}: {error}", directory.display()))
    };
    std::fs::create_dir_all(directory).map_err(cannot)?;
    let json = serde_json::to_vec_pretty(verdict).unwrap_or_default();
    for (name, bytes) in [
        ("sent.eml", sent),
        ("wire.eml", seen.wire.as_slice()),
        ("delivered.eml", seen.delivered.as_slice()),
        ("verdict.json", json.as_slice()),
    ] {
        std::fs::write(directory.join(name), bytes).map_err(cannot)?;
    }
    Ok(())
}

fn read(file: &PathBuf) -> Result<Vec<u8>> {
    std::fs::read(file)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))
}

/// Returns the message with the line ends that mail has on its way; files usually have only LF.
fn normalised(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + message.len() / 32);
    let mut before = 0;
    for &byte in message {
        if byte == b'\n' && before != b'\r' {
            out.push(b'\r');
        }
        out.push(byte);
        before = byte;
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Returns the domain of the message's author if Acme has to own it for this demo.
fn author_domain(message: &[u8]) -> Option<String> {
    let header = HeaderBlock::parse(message);
    let from = header.first("from")?;
    let author = address::parse_mailboxes(&from.unfolded()).into_iter().next()?;
    let domain = author.address.ascii_domain();
    let is_fit =
        chancery_pki::is_domain(&domain) && domain != "acme.example" && domain != "globex.example";
    is_fit.then_some(domain)
}

/// A letter with an umlaut subject, HTML and an attachment.
const BUILT_IN: &str = include_str!("demo/message.eml");

/// Lines shown of a message.
const MAX_LINES: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_get_the_line_ends_of_mail() {
        assert_eq!(normalised(b"a\nb\r\nc"), b"a\r\nb\r\nc\r\n");
        assert_eq!(normalised(b"a\rb\n"), b"a\rb\r\n");
    }

    #[test]
    fn acme_owns_the_domain_of_the_author() {
        assert_eq!(
            author_domain(b"From: A <a@Example.ORG>\r\n\r\n").as_deref(),
            Some("example.org")
        );
        assert_eq!(author_domain(b"From: a@acme.example\r\n\r\n"), None);
        assert_eq!(author_domain(b"Subject: x\r\n\r\n"), None);
    }
}
