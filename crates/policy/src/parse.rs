//! Reads a policy file: every mistake in it at once, or a [`Policy`].

use crate::decision::Demand;
use crate::document::{Document, Mistake, Severity, Table, Value};
use crate::facts::Sensitivity;
use crate::pattern::{DomainPattern, Glob, address_glob};
use crate::rules::{
    AskForKey, Conditions, Desktop, DesktopProtected, Directions, EncryptTo, EncryptionBy,
    HeaderCondition, InboundAction, InboundPolicy, LabelCondition, OutboundPolicy, Policy,
    Receipts, Rule, UnusablePartnerKey,
};

impl Policy {
    /// Reads a policy file; `file` is its name in messages.
    ///
    /// A file with warnings only is good; see [`Policy::warnings`].
    pub fn parse(text: &str, file: &str) -> Result<Self, Vec<Mistake>> {
        let document = Document::parse(text, file);
        let mut policy = Self::default();
        {
            let root = document.root(&["version", "outbound", "inbound", "rule"]);
            read_version(&root, &mut policy);
            if let Some(outbound) =
                root.value("outbound").and_then(|value| value.table("[outbound]", OUTBOUND_KEYS))
            {
                read_outbound(&outbound, &mut policy.outbound);
            }
            if let Some(inbound) =
                root.value("inbound").and_then(|value| value.table("[inbound]", INBOUND_KEYS))
            {
                read_inbound(&inbound, &mut policy.inbound);
            }
            if let Some(rules) = root.value("rule") {
                policy.rules = read_rules(&rules);
            }
        }
        let mistakes = document.finish();
        if mistakes.iter().any(Mistake::is_error) {
            return Err(mistakes);
        }
        policy.warnings = mistakes;
        debug_assert!(policy.warnings.iter().all(|warning| warning.severity == Severity::Warning));
        Ok(policy)
    }
}

fn read_version(root: &Table<'_>, policy: &mut Policy) {
    let Some(value) = root.required("version", "add the line version = 1") else {
        return;
    };
    match value.integer(0..=u64::from(u32::MAX)) {
        Some(1) => policy.version = 1,
        Some(other) => value.mistake(
            format!("policy version {other} is not known"),
            Some("this program reads version 1; a newer file needs a newer program".to_owned()),
        ),
        None => {}
    }
}

fn read_outbound(table: &Table<'_>, outbound: &mut OutboundPolicy) {
    if let Some(value) = table.value("ask-for-key") {
        let words = [("once", AskForKey::Once), ("never", AskForKey::Never)];
        set(&mut outbound.ask_for_key, value.choice(&words));
    }
    if let Some(value) = table.value("desktop-protected") {
        let words = [("pass", DesktopProtected::Pass), ("wrap", DesktopProtected::Wrap)];
        set(&mut outbound.desktop_protected, value.choice(&words));
    }
    if let Some(value) = table.value("encrypt-to") {
        let words = [
            ("recipient", EncryptTo::Recipient),
            ("organisation", EncryptTo::Organisation),
            ("organisation-only", EncryptTo::OrganisationOnly),
        ];
        set(&mut outbound.encrypt_to, value.choice(&words));
    }
    if let Some(value) = table.value("unusable-partner-key") {
        let words = [("hold", UnusablePartnerKey::Hold), ("clear", UnusablePartnerKey::Clear)];
        set(&mut outbound.unusable_partner_key, value.choice(&words));
    }
}

fn read_inbound(table: &Table<'_>, inbound: &mut InboundPolicy) {
    for (key, action) in [
        ("bad-signature", &mut inbound.bad_signature),
        ("encrypted-to-others", &mut inbound.encrypted_to_others),
        ("undecipherable", &mut inbound.undecipherable),
        ("unknown-signer", &mut inbound.unknown_signer),
        ("unprotected", &mut inbound.unprotected),
    ] {
        if let Some(value) = table.value(key) {
            set(action, value.choice(INBOUND_ACTIONS));
        }
    }
    if let Some(value) = table.value("encryption-by") {
        let words = [("signer", EncryptionBy::Signer), ("anybody", EncryptionBy::Anybody)];
        set(&mut inbound.encryption_by, value.choice(&words));
    }
    if let Some(value) = table.value("receipts") {
        let words = [("never", Receipts::Never), ("verified", Receipts::Verified)];
        set(&mut inbound.receipts, value.choice(&words));
    }
    if let Some(domains) = table.value("require-protection-from") {
        inbound.require_protection_from =
            domains.one_or_many().iter().filter_map(read_domain).collect();
    }
}

fn read_rules(value: &Value<'_>) -> Vec<Rule> {
    let Some(items) = value.list() else {
        return Vec::new();
    };
    if let Some(one_too_many) = items.get(MOST_RULES) {
        one_too_many.mistake(format!("more than {MOST_RULES} rules"), None);
    }
    let mut rules: Vec<Rule> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for (index, item) in items.iter().take(MOST_RULES).enumerate() {
        let Some(mut table) = item.open_table(format!("rule {}", index + 1)) else {
            continue;
        };
        let name = table
            .value("name")
            .and_then(|value| value.parse("a short name on one line", short_line));
        let name = name.map_or_else(|| format!("rule {}", index + 1), str::to_owned);
        table.rename(format!("rule \"{name}\""));
        if names.contains(&name) {
            table.mistake(
                format!("two rules are named \"{name}\""),
                Some("give each rule a name of its own; decision records refer to it".to_owned()),
            );
        }
        names.push(name.clone());
        if let Some(rule) = read_rule(&table, name) {
            warn_if_unreachable(&table, &rules, &rule);
            rules.push(rule);
        }
    }
    rules
}

fn read_rule(table: &Table<'_>, name: String) -> Option<Rule> {
    table.check_keys(RULE_KEYS);
    let when = table
        .value("when")
        .and_then(|value| value.table(format!("when of rule \"{name}\""), WHEN_KEYS));
    let when = when.map_or_else(Conditions::any, |when| read_conditions(&when));
    let reason = table.value("reason").and_then(|value| {
        // The reason is quoted in SMTP replies and notices, where a line break would start a line of its own.
        value.parse("a sentence of at most 200 characters on one line", short_line)
    });
    let then = table.required("then", "add what the rule demands, such as then = \"protect\"")?;
    let demand = then.choice(DEMANDS)?;
    if when.directions.inbound && demand == Demand::ProtectIfPossible {
        then.mistake(
            "\"protect-if-possible\" demands nothing of a message that has already arrived",
            Some(
                "use \"pass\" to deliver it, or \"protect\" to demand that it arrived protected"
                    .to_owned(),
            ),
        );
    }
    Some(Rule { name, line: table.line(), when, then: demand, reason: reason.map(str::to_owned) })
}

fn read_conditions(table: &Table<'_>) -> Conditions {
    let mut when = Conditions::any();
    if let Some(value) = table.value("direction") {
        when.directions = read_directions(&value);
    }
    when.sender = many(table, "sender", read_address);
    when.recipient = many(table, "recipient", read_address);
    when.sender_domain = many(table, "sender-domain", read_domain);
    when.recipient_domain = many(table, "recipient-domain", read_domain);
    when.size_over = table.value("size-over").and_then(|value| value.size());
    when.size_under = table.value("size-under").and_then(|value| value.size());
    when.headers = many(table, "header", read_header);
    when.sensitivity = many(table, "sensitivity", |value| value.choice(SENSITIVITIES));
    when.desktop = many(table, "desktop", |value| value.choice(DESKTOPS));
    when.labels = many(table, "label", read_label);
    if let (Some(over), Some(under)) = (when.size_over, when.size_under)
        && over.saturating_add(1) >= under
    {
        table.mistake(
            "no size is over \"size-over\" and under \"size-under\" at once",
            Some("\"size-over\" must be the smaller one".to_owned()),
        );
    }
    when
}

/// Reads a condition with one value or several; an empty list would silently hold for every message.
fn many<T>(table: &Table<'_>, key: &str, read: impl Fn(&Value<'_>) -> Option<T>) -> Vec<T> {
    let Some(value) = table.value(key) else {
        return Vec::new();
    };
    let values = value.one_or_many();
    if values.is_empty() {
        value.mistake(
            format!("{} is an empty list, which no message fits", value.label()),
            Some("name at least one value or remove the condition".to_owned()),
        );
    }
    values.iter().filter_map(read).collect()
}

fn read_directions(value: &Value<'_>) -> Directions {
    let mut directions = Directions { inbound: false, internal: false, outbound: false };
    let values = value.one_or_many();
    if values.is_empty() {
        value.mistake(format!("{} is an empty list, which no message fits", value.label()), None);
    }
    for one in values {
        match one.choice(&[("outbound", 0), ("inbound", 1), ("internal", 2)]) {
            Some(0) => directions.outbound = true,
            Some(1) => directions.inbound = true,
            Some(_) => directions.internal = true,
            None => {}
        }
    }
    directions
}

fn read_address(value: &Value<'_>) -> Option<Glob> {
    value.parse(
        "an address or a pattern such as \"*@globex.example\" (\"<>\" is the null sender)",
        |text| {
            let is_address = text == "<>" || text.contains(['@', '*']);
            let is_clean = !text.chars().any(char::is_control) && text.len() <= LONGEST_PATTERN;
            (is_address && is_clean).then(|| address_glob(text))
        },
    )
}

fn read_domain(value: &Value<'_>) -> Option<DomainPattern> {
    value.parse(
        "a domain such as \"globex.example\", or \"*.globex.example\" for everything below it",
        DomainPattern::parse,
    )
}

fn read_header(value: &Value<'_>) -> Option<HeaderCondition> {
    let table = value.table("a header condition", &["name", "matches"])?;
    let matches = many(&table, "matches", |value| {
        value.parse("a pattern such as \"*[secret]*\"", |text| {
            (text.len() <= LONGEST_PATTERN && !text.chars().any(char::is_control))
                .then(|| Glob::new(text))
        })
    });
    let name = table.required("name", "add the name of the field, such as name = \"Subject\"")?;
    let name = name.parse("the name of a header field such as \"Subject\"", |text| {
        // RFC 5322 section 2.2: printable ASCII except the colon.
        let text = text.strip_suffix(':').unwrap_or(text);
        (!text.is_empty() && text.bytes().all(|b| (33..=126).contains(&b) && b != b':'))
            .then_some(text)
    })?;
    Some(HeaderCondition { name: name.to_owned(), matches })
}

fn read_label(value: &Value<'_>) -> Option<LabelCondition> {
    let table = value.table("a label condition", &["policy", "at-least", "mark"])?;
    let policy = table.value("policy").map(|value| {
        value.parse("an object identifier such as \"1.3.6.1.4.1.99.1\"", |text| {
            let is_number =
                |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
            (text.contains('.') && text.split('.').all(is_number)).then(|| text.to_owned())
        })
    });
    let at_least = table.value("at-least").map(|value| value.choice(CLASSES));
    let marks = many(&table, "mark", |value| {
        value.parse("a pattern such as \"*eyes only*\"", |text| {
            (text.len() <= LONGEST_PATTERN && !text.chars().any(char::is_control))
                .then(|| Glob::new(text))
        })
    });
    // A condition with a mistake must not become one that fits everything.
    let policy = policy.map_or(Some(None), |policy| policy.map(Some))?;
    let at_least = at_least.map_or(Some(None), |least| least.map(Some))?;
    Some(LabelCondition { policy, at_least, marks })
}

fn warn_if_unreachable(table: &Table<'_>, earlier: &[Rule], rule: &Rule) {
    let all = earlier.iter().filter(|other| other.when.is_unconditional());
    let mut taken = Directions { inbound: false, internal: false, outbound: false };
    let mut by = Vec::new();
    for other in all {
        taken.inbound |= other.when.directions.inbound;
        taken.internal |= other.when.directions.internal;
        taken.outbound |= other.when.directions.outbound;
        by.push(other);
    }
    let same = |other: &&Rule| {
        let as_wide = Conditions { directions: rule.when.directions, ..other.when.clone() };
        other.when.directions.covers(rule.when.directions) && as_wide == rule.when
    };
    let culprit = if taken.covers(rule.when.directions) {
        by.last().copied()
    } else {
        earlier.iter().find(same)
    };
    // A released message is past a `hold`, so that what comes after one can still match.
    if let Some(culprit) = culprit.filter(|culprit| culprit.then != Demand::Hold) {
        table.warning(
            format!(
                "rule \"{}\" can never match: rule \"{}\" in line {} takes all its mail",
                rule.name, culprit.name, culprit.line
            ),
            Some("move it further up".to_owned()),
        );
    }
}

fn set<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

fn short_line(text: &str) -> Option<&str> {
    const LONGEST: usize = 200; // leaves room in an SMTP reply line of 512 octets (RFC 5321 section 4.5.3.1.5)
    let is_good = !text.trim().is_empty()
        && text.chars().count() <= LONGEST
        && !text.chars().any(char::is_control);
    is_good.then_some(text)
}

/// Returns the keys of each table that the reader knows, for comparison with the reference.
#[cfg(test)]
pub(crate) fn known_keys() -> Vec<(&'static str, Vec<&'static str>)> {
    [
        ("outbound", OUTBOUND_KEYS),
        ("inbound", INBOUND_KEYS),
        ("rule", RULE_KEYS),
        ("rule.when", WHEN_KEYS),
    ]
    .map(|(table, keys)| (table, keys.to_vec()))
    .to_vec()
}

const OUTBOUND_KEYS: &[&str] =
    &["ask-for-key", "desktop-protected", "encrypt-to", "unusable-partner-key"];
const INBOUND_KEYS: &[&str] = &[
    "bad-signature",
    "encrypted-to-others",
    "undecipherable",
    "unknown-signer",
    "unprotected",
    "require-protection-from",
    "encryption-by",
    "receipts",
];
const RULE_KEYS: &[&str] = &["name", "when", "then", "reason"];
const WHEN_KEYS: &[&str] = &[
    "direction",
    "sender",
    "recipient",
    "sender-domain",
    "recipient-domain",
    "size-over",
    "size-under",
    "header",
    "sensitivity",
    "desktop",
    "label",
];

const DEMANDS: &[(&str, Demand)] = &[
    ("protect", Demand::Protect),
    ("protect-if-possible", Demand::ProtectIfPossible),
    ("sign", Demand::Sign),
    ("pass", Demand::Pass),
    ("hold", Demand::Hold),
    ("reject", Demand::Reject),
];
const INBOUND_ACTIONS: &[(&str, InboundAction)] = &[
    ("deliver", InboundAction::Deliver),
    ("deliver-with-warning", InboundAction::DeliverWithWarning),
    ("hold", InboundAction::Hold),
    ("reject", InboundAction::Reject),
];
const SENSITIVITIES: &[(&str, Sensitivity)] = &[
    ("normal", Sensitivity::Normal),
    ("personal", Sensitivity::Personal),
    ("private", Sensitivity::Private),
    ("company-confidential", Sensitivity::CompanyConfidential),
];
const DESKTOPS: &[(&str, Desktop)] =
    &[("none", Desktop::None), ("signed", Desktop::Signed), ("encrypted", Desktop::Encrypted)];

/// RFC 2634 section 3.2; policies have others, which are numbers over 5 and so above "top-secret".
const CLASSES: &[(&str, u64)] = &[
    ("unmarked", 0),
    ("unclassified", 1),
    ("restricted", 2),
    ("confidential", 3),
    ("secret", 4),
    ("top-secret", 5),
];

/// Every rule is tried for every recipient, so their number is a cost.
const MOST_RULES: usize = 1_000;

/// The work of a pattern grows with its length.
const LONGEST_PATTERN: usize = 500;

#[cfg(test)]
mod tests;
