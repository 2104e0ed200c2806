//! Tells the story of one message from its rows, so that a person sees what happened and why.

use std::fmt::Write as _;

use chancery_smime::EncryptedBy;
use chancery_store::{DecisionView, MessageView, Recipient};
use serde_json::Value;

use crate::output::{counted, plain, time};

/// Returns the message and where its recipients stand.
pub fn summary(view: &MessageView) -> String {
    let mut text = String::new();
    let message = &view.message;
    let sender =
        if message.reverse_path.is_empty() { "<> (a notice)" } else { &message.reverse_path };
    let mut line = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ok = writeln!(text, "{name:<12}{}", plain(value));
    };
    line("message", &message.id.to_string());
    if let Some(id) = &message.message_id {
        line("Message-ID", id);
    }
    line("from", sender);
    line(
        "received",
        &format!(
            "{} at {} from {}",
            time(message.received_at_ms),
            message.listener,
            came_from(view)
        ),
    );
    line("size", &format!("{} octets", message.size));
    text.push('\n');
    for recipient in &view.recipients {
        text += &standing(recipient);
    }
    text
}

/// Returns the summary and every decision in its order.
pub fn whole(view: &MessageView) -> String {
    let mut text = summary(view);
    text += "\nWhat happened\n";
    for decision in &view.decisions {
        let _ok = writeln!(text, "\n{}  {}", time(decision.at_ms), title(decision));
        for line in lines(decision) {
            let _ok = writeln!(text, "    {}", plain(&line));
        }
    }
    if view.decisions.is_empty() {
        text += "\nNothing yet: the message waits for its plan.\n";
    }
    text
}

fn came_from(view: &MessageView) -> String {
    let message = &view.message;
    let mut text =
        if message.peer.is_empty() { "this gateway".to_owned() } else { message.peer.clone() };
    if !message.helo.is_empty() {
        let _ok = write!(text, " ({})", message.helo);
    }
    if let Some(tls) = &message.tls {
        let _ok = write!(text, " with {tls}");
    }
    if let Some(user) = &message.auth_user {
        let _ok = write!(text, " as {user}");
    }
    text
}

fn standing(recipient: &Recipient) -> String {
    let mut text = format!("  {:<10} {}", recipient.state.word(), plain(&recipient.address));
    if let Some(code) = &recipient.code {
        let _ok = write!(text, "  [{code}]");
    }
    if let Some(by) = recipient.by.as_ref().filter(|by| !by.is_empty()) {
        let _ok = write!(text, "  by {}", plain(by));
    }
    if let Some(reply) = &recipient.reply {
        let _ok = write!(text, "\n             {}", plain(reply));
    }
    if let Some(due) = recipient.due_ms {
        let _ok = write!(
            text,
            "\n             next attempt {} (tried {} times)",
            time(due),
            recipient.attempts
        );
    }
    text.push('\n');
    text
}

fn title(decision: &DecisionView) -> String {
    match decision.kind.as_str() {
        "policy" => "the policy decided (outgoing)".to_owned(),
        "inbound-policy" => "the policy decided (incoming)".to_owned(),
        "learned" => "learned what the sender's software reads".to_owned(),
        "harvested" => "learned the sender's key".to_owned(),
        "keys" => "no key of the recipient can be used".to_owned(),
        "protect" => "signed and encrypted".to_owned(),
        "sign" => "signed".to_owned(),
        "fetched" => "asked the network about certificates".to_owned(),
        "receipt" => "a signed receipt was asked for".to_owned(),
        "verdict" => "opened and judged".to_owned(),
        "delivery" => "delivery attempted".to_owned(),
        "queue.drop" => "given up by an administrator".to_owned(),
        "queue.release" => "released".to_owned(),
        "queue.retry" => "tried again at once".to_owned(),
        other => other.to_owned(),
    }
}

/// Returns the facts of a decision as sentences where they are known, and as they are where not.
fn lines(decision: &DecisionView) -> Vec<String> {
    let facts = &decision.facts;
    match decision.kind.as_str() {
        "policy" | "inbound-policy" => policy(facts),
        "harvested" => vec![key(facts)],
        "keys" => facts.as_array().into_iter().flatten().flat_map(passed_over).collect(),
        "learned" => learned(facts),
        "protect" => protect(facts),
        "sign" => sign(facts),
        "verdict" => verdict(facts),
        "delivery" => delivery(facts),
        "fetched" => facts.as_array().into_iter().flatten().map(fetched).collect(),
        "receipt" => receipt(facts),
        "queue.drop" | "queue.release" | "queue.retry" => act(facts),
        _ => vec![facts.to_string()],
    }
}

fn policy(facts: &Value) -> Vec<String> {
    let mut lines = vec![format!("{}: {}", text(facts, "recipient"), treatment(facts))];
    for tried in list(facts, "tried") {
        let why = tried.get("mismatch").and_then(Value::as_str);
        let mark = why.map_or_else(|| "matches".to_owned(), |why| format!("does not match: {why}"));
        lines.push(format!(
            "rule \"{}\" (line {}) {mark}",
            text(tried, "rule"),
            tried.get("line").unwrap_or(&Value::Null)
        ));
    }
    lines.extend(
        list(facts, "reasons")
            .map(|it| format!("because {} ({})", text(it, "text"), text(it, "code"))),
    );
    lines
}

fn treatment(facts: &Value) -> String {
    let treatment = facts.get("treatment").unwrap_or(&Value::Null);
    match treatment.get("code").and_then(Value::as_str) {
        Some(code) => format!("{} ({code})", text(treatment, "kind")),
        None => text(treatment, "kind").to_owned(),
    }
}

fn sign(facts: &Value) -> Vec<String> {
    let fields: Vec<&str> = list(facts, "header").filter_map(Value::as_str).collect();
    let header = if fields.is_empty() {
        "the signature does not cover the header".to_owned()
    } else {
        format!("the signature covers the content and {}", fields.join(", "))
    };
    let by = format!(
        "signed with {} by the certificate {}",
        text(facts, "digest"),
        text(facts, "signer")
    );
    vec![by, header]
}

fn receipt(facts: &Value) -> Vec<String> {
    let to: Vec<&str> = list(facts, "to").filter_map(Value::as_str).collect();
    let what = match facts.get("why").and_then(Value::as_str) {
        Some(why) => format!("not answered: {why}"),
        None => format!("answered to {}", to.join(", ")),
    };
    vec![format!("{}: {what}", text(facts, "recipient"))]
}

fn act(facts: &Value) -> Vec<String> {
    let mut lines = vec![format!("by {}: {}", text(facts, "who"), text(facts, "why"))];
    lines.extend(
        list(facts, "recipients")
            .map(|it| format!("{} was {}", text(it, "address"), text(it, "was"))),
    );
    lines
}

fn protect(facts: &Value) -> Vec<String> {
    let choice = facts.get("choice").unwrap_or(&Value::Null);
    let mut lines = vec![
        format!(
            "for {} ({})",
            facts
                .get("partner")
                .or(facts.pointer("/key/address"))
                .and_then(Value::as_str)
                .unwrap_or("?"),
            counted(facts.get("addresses").map_or(0, count), "recipient")
        ),
        format!("cipher {}: {}", text(facts, "cipher"), text(choice, "why")),
    ];
    if let Some(warning) = choice.get("warning").and_then(Value::as_str) {
        lines.push(format!("warning: {warning}"));
    }
    for it in list(choice, "recipients") {
        lines.push(format!(
            "encrypted to the certificate {} ({})",
            text(it, "fingerprint"),
            text(it, "key_management")
        ));
        let reasons = list(it, "reasons").filter_map(Value::as_str);
        lines.extend(reasons.map(|reason| format!("  because {reason}")));
    }
    lines.extend(facts.get("key").map(chosen).unwrap_or_default());
    lines.push(format!(
        "signed with {} by the certificate {}",
        text(facts, "digest"),
        text(facts, "signer")
    ));
    lines
}

/// Tells which key of the recipient was chosen and why, if it is one of its own, and the way to whom we believe.
fn chosen(of: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    if of.get("origin").is_some() {
        lines.push(format!("  the recipient's own key: {}", key(of)));
        lines.push(format!("  because {}; {}", text(of, "because"), text(of, "chosen")));
    }
    if let Some(review) = of.get("review").and_then(Value::as_str) {
        lines.push(format!("  warning: {review}; see chancery key show {}", text(of, "address")));
    }
    lines.extend(way(of));
    lines
}

/// Tells why a key is not used.
fn passed_over(of: &Value) -> Vec<String> {
    let mut lines = vec![format!("{}: {}", key(of), text(of, "why"))];
    lines.extend(of.get("path").map(way).unwrap_or_default());
    lines
}

/// Names a key of somebody else.
fn key(of: &Value) -> String {
    let fingerprint = text(of, "fingerprint_sha256");
    let (address, origin, source) = (text(of, "address"), text(of, "origin"), text(of, "source"));
    format!("{fingerprint} of {address} ({origin}: {source})")
}

/// Tells what came of asking for one thing.
fn fetched(fetch: &Value) -> String {
    let what = fetch.get("content").or(fetch.get("reason")).and_then(Value::as_str);
    let ms = fetch.get("ms").and_then(Value::as_u64).unwrap_or(0);
    let (url, outcome) = (text(fetch, "url"), text(fetch, "outcome"));
    format!("{url}: {outcome}: {} ({ms} ms)", what.unwrap_or("?"))
}

/// Tells the way from a certificate to whom we believe, and what it stands on.
fn way(of: &Value) -> Vec<String> {
    let path: Vec<&str> = list(of, "path").filter_map(Value::as_str).collect();
    let mut lines = Vec::new();
    if !path.is_empty() {
        lines.push(format!("  path: {}", path.join(" → ")));
    }
    let validation = of.get("validation").unwrap_or(&Value::Null);
    for it in list(validation, "failures") {
        let (subject, detail) = (text(it, "subject"), text(it, "detail"));
        lines.push(format!("  fails: <{subject}> {detail} ({})", text(it, "clause")));
    }
    for it in list(validation, "revocation") {
        let (subject, status) = (text(it, "subject"), text(it, "status"));
        lines.push(format!("  revocation of <{subject}>: {status}: {}", text(it, "detail")));
    }
    let policies: Vec<&str> = list(validation, "policies").filter_map(Value::as_str).collect();
    if !policies.is_empty() {
        lines.push(format!("  valid for the policies {}", policies.join(", ")));
    }
    if let Some(end) = validation.get("ends_first") {
        lines.push(format!("  ends first: {}, {}", text(end, "what"), text(end, "at")));
    }
    lines
}

fn learned(facts: &Value) -> Vec<String> {
    let names = |name| list(facts, name).filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
    let mut lines = vec![format!("about {}", text(facts, "address"))];
    for (name, what) in
        [("capabilities", "it says that it reads"), ("observed", "it encrypted with")]
    {
        let names = names(name);
        if !names.is_empty() {
            lines.push(format!("{what} {names}"));
        }
    }
    if let Some(certificate) = facts.get("certificate").and_then(Value::as_str) {
        lines.push(format!("it has a new certificate to encrypt to: {certificate}"));
    }
    lines
}

fn verdict(facts: &Value) -> Vec<String> {
    let mut lines = vec![
        format!("result: {}", text(facts, "result")),
        format!("protection: {}; form: {}", text(facts, "protection"), text(facts, "form")),
    ];
    if let Some(encryption) = facts.get("encryption").filter(|it| !it.is_null()) {
        let sure = if encryption.get("authenticated") == Some(&Value::Bool(true)) {
            ", authenticated"
        } else {
            ""
        };
        lines.push(format!(
            "encryption: {}{sure}, {}",
            text(encryption, "cipher"),
            text(encryption, "key_management")
        ));
        let by = match text(encryption, "by") {
            "other" => Some(EncryptedBy::Other),
            "signer" => Some(EncryptedBy::Signer),
            "unknown" => Some(EncryptedBy::Unknown),
            // A record of a version that did not ask.
            _ => None,
        };
        lines.extend(by.map(|by| format!("  {}", by.words())));
    }
    for signer in list(facts, "signers") {
        lines.push(format!(
            "signer: {} ({}, {})",
            text(signer, "subject"),
            text(signer, "algorithm"),
            text(signer, "digest")
        ));
        lines.extend(way(signer));
        lines.push(format!("  trust: {}: {}", text(signer, "trust"), text(signer, "why")));
        let services = signer.get("services").unwrap_or(&Value::Null);
        lines.extend(list(services, "labels").map(|it| format!("  label: {}", text(it, "text"))));
        if let Some(request) = services.get("receipt_request") {
            let to: Vec<&str> = list(request, "to").filter_map(Value::as_str).collect();
            lines.push(format!("  wants a signed receipt to {}", to.join(", ")));
        }
    }
    lines.extend(
        list(facts, "problems")
            .map(|it| format!("problem: {} ({})", text(it, "text"), text(it, "code"))),
    );
    lines
}

fn delivery(facts: &Value) -> Vec<String> {
    let host = facts.get("host").and_then(Value::as_str).unwrap_or("nobody");
    let tls = facts
        .get("tls")
        .and_then(Value::as_str)
        .map_or_else(|| "without TLS".to_owned(), |it| format!("with {it}"));
    let mut lines = vec![format!("to {host} {tls}, route {}", text(facts, "route"))];
    lines.extend(list(facts, "recipients").map(|it| {
        format!("{}: {}: {}", text(it, "recipient"), text(it, "result"), text(it, "reply"))
    }));
    lines.extend(
        list(facts, "tried").filter_map(Value::as_str).map(|it| format!("tried in vain: {it}")),
    );
    lines
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or("?")
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn count(value: &Value) -> usize {
    value.as_u64().and_then(|it| usize::try_from(it).ok()).unwrap_or(0)
}
