//! The reference of the policy file, and the commented file that `chancery init` writes.

use crate::document::{KeyDoc, markdown};
use crate::rules::Policy;

impl Policy {
    /// Returns the commented policy file that `chancery init` writes; it means the same as [`Policy::default`].
    pub fn default_text() -> &'static str {
        include_str!("default.toml")
    }
}

/// Returns the reference page of the policy file.
pub fn reference_markdown() -> String {
    let body = markdown(KEYS, |table| match table {
        "" => "The file".to_owned(),
        "rule" => "`[[rule]]`".to_owned(),
        "rule.when" => "`when` of a rule".to_owned(),
        table => format!("`[{table}]`"),
    });
    format!("{HEAD}\n{body}")
}

const HEAD: &str = "\
# The policy file

<!-- Made by `cargo xtask gen` from `crates/policy/src/reference.rs`. Do not edit. -->

The policy says what each recipient of a message needs.
Rules are tried from top to bottom, for each recipient on its own, and the first one that matches decides.
When none matches, the demand is `protect-if-possible`.

| demand (`then`) | usable partner key | no partner | partner whose key cannot be used |
|---|---|---|---|
| `protect` | encrypted and signed | held | held |
| `protect-if-possible` | encrypted and signed | sent as it is | held, or as `outbound.unusable-partner-key` says |
| `sign` | signed, readable | signed, readable | signed, readable |
| `pass` | bytes unchanged | bytes unchanged | bytes unchanged |
| `hold` | held until released | held until released | held until released |
| `reject` | refused | refused | refused |

- Mail between addresses of our own domains does not cross the internet: `protect-if-possible` sends it as it is, and `protect` holds it unless the sender's own program has encrypted it.
- Mail that the sender's own program has encrypted satisfies `protect` unless `outbound.desktop-protected` is `wrap`; mail that it has only signed does not.
- A notice (a message with the null sender) is treated like all mail; if it is held or refused, nobody is told.
- `chancery queue release` takes a message past every demand to `hold`. It does not take it past a demand to `protect`: change the rule first.
- `reject` for outgoing mail answers 5xx to `RCPT` when the envelope alone decides: the rule and every rule above it that could match ask for sender, recipient, domains, or an announced size above `size-over`, and nothing else. Otherwise the answer comes at the end of the message, if it is not larger than 128 KiB and nobody else gets it; if not, the sender gets a notice with its header. A rule that refuses costs least when it stands above the rules that look at content.
- `reject` for what came from outside is answered 5xx at the end of the message too, because a verdict needs the whole of it. Over 128 KiB, or if another recipient gets the message, it is a notice; the sender of such mail may be forged, and then a stranger gets it.
- For mail that came from outside, `protect` and `sign` mean that it must have arrived like that, with a signature that may speak for the sender; otherwise `inbound.unprotected` says what happens. `pass` delivers it whatever the rest of `[inbound]` says.
";

/// The schema of the policy file.
pub const KEYS: &[KeyDoc] = &[
    key("version", "whole number", "", "The version of this file format. Always needed.", "1"),
    key(
        "outbound.ask-for-key",
        "`once` or `never`",
        "\"once\"",
        "Whether a recipient outside is asked for a key when a message that must be protected is held because none is known and its organisation is no partner. `once` writes a short signed mail, once in thirty days, which asks for a signed answer and names the sender and nothing of the message; the answer brings the key, and the message goes on by itself.",
        "\"never\"",
    ),
    key(
        "outbound.desktop-protected",
        "`pass` or `wrap`",
        "\"pass\"",
        "What happens to mail that the sender's own program has encrypted or signed. `pass` sends encrypted mail on with its bytes unchanged, and counts a signature where a rule demands `sign`; `wrap` protects it once more, so that the gateway's protection is always there.",
        "\"wrap\"",
    ),
    key(
        "outbound.encrypt-to",
        "`recipient`, `organisation` or `organisation-only`",
        "\"recipient\"",
        "Whose key mail is encrypted to where the recipient has a key of its own and its organisation is a partner. `recipient` takes the recipient's if it is as sure as the partner's card (issued by us, imported or trusted by an administrator, or from a directory that we or the partner run), then the partner's, then the recipient's from anywhere else; `organisation` takes the partner's first; `organisation-only` never takes the recipient's.",
        "\"organisation\"",
    ),
    key(
        "outbound.unusable-partner-key",
        "`hold` or `clear`",
        "\"hold\"",
        "What `protect-if-possible` does for a partner whose certificate has expired, is not valid yet or cannot be used. `hold` waits for a new partner card, so that a partner does not lose protection silently; `clear` sends the mail as it is.",
        "\"hold\"",
    ),
    key(
        "inbound.bad-signature",
        ACTION,
        "\"deliver-with-warning\"",
        "The signature or the integrity check of the message is wrong.",
        "\"reject\"",
    ),
    key(
        "inbound.unknown-signer",
        ACTION,
        "\"deliver\"",
        "The message is encrypted without a signature, or signed by somebody we do not trust or who may not speak for the address in `From`. The result field says so in any case; such mail is no worse than mail without a signature.",
        "\"deliver-with-warning\"",
    ),
    key(
        "inbound.undecipherable",
        ACTION,
        "\"hold\"",
        "The message is encrypted to us and cannot be opened.",
        "\"deliver-with-warning\"",
    ),
    key(
        "inbound.encrypted-to-others",
        ACTION,
        "\"hold\"",
        "The message is S/MIME encrypted, and none of the keys it names is ours. Deliver such mail if users have keys of their own. OpenPGP mail is always left to the user's own program.",
        "\"deliver-with-warning\"",
    ),
    key(
        "inbound.require-protection-from",
        "list of domains",
        "[]",
        "Domains whose mail must arrive encrypted, with a signature that may speak for the sender. The domains of `From` and of the envelope sender both count.",
        "[\"globex.example\", \"*.globex.example\"]",
    ),
    key(
        "inbound.encryption-by",
        "`anybody` or `signer`",
        "\"anybody\"",
        "Whose encryption meets a demand for protection. Whoever can read a signed message on its way can encrypt it to you. With `anybody` every encryption to you counts, also that of ordinary mail programs, which do not say who encrypted. With `signer` only one counts that the signer vouches for: by header protection (`hp=\"cipher\"`, RFC 9788), as Chancery and some mail programs write it, or by a signature around the ciphertext (triple wrapping). Mail whose signer says that it was sent readable never counts.",
        "\"signer\"",
    ),
    key(
        "inbound.unprotected",
        ACTION,
        "\"hold\"",
        "What happens to mail that had to arrive protected and did not. If another line applies as well, the stricter one counts.",
        "\"reject\"",
    ),
    key(
        "inbound.receipts",
        "`never` or `verified`",
        "\"never\"",
        "Whether requests for signed receipts (RFC 2634) are answered, with the organisation's key and from the null sender. With `verified`, a verified message that is delivered gets one for each recipient who is asked, to addresses in the domains of its From. A receipt says that the gateway found the signature right; nobody has read the message by then.",
        "\"verified\"",
    ),
    key(
        "rule.name",
        "text on one line",
        "",
        "The name that decision records, logs and `chancery explain` show. Without one the rule is named after its number.",
        "\"mail to Globex is always protected\"",
    ),
    key(
        "rule.then",
        "`protect`, `protect-if-possible`, `sign`, `pass`, `hold` or `reject`",
        "",
        "What the rule demands. Always needed.",
        "\"protect\"",
    ),
    key(
        "rule.reason",
        "text on one line, at most 200 characters",
        "",
        "What the sender is told when the rule stops a message.",
        "\"confidential mail leaves us encrypted only\"",
    ),
    key(
        "rule.when",
        "table",
        "{}",
        "The conditions, all of which must hold. A rule without any matches every outgoing message.",
        "{ recipient-domain = \"globex.example\" }",
    ),
    key(
        "rule.when.direction",
        "`outbound`, `inbound`, `internal` or a list of them",
        "\"outbound\"",
        "Where the message goes: to another organisation, from another organisation to us, or between addresses of our own.",
        "[\"outbound\", \"internal\"]",
    ),
    key(
        "rule.when.sender",
        "address pattern or a list of them",
        "",
        "The envelope sender. `*` stands for any text, `?` for one character, `<>` for the null sender; case does not matter.",
        "\"*@sales.acme.example\"",
    ),
    key(
        "rule.when.recipient",
        "address pattern or a list of them",
        "",
        "The envelope recipient.",
        "\"board@acme.example\"",
    ),
    key(
        "rule.when.sender-domain",
        "domain pattern or a list of them",
        "",
        "The domain of the envelope sender. `globex.example` is that domain alone; `*.globex.example` and `.globex.example` are everything below it. Names in Unicode and in their `xn--` form are the same.",
        "\"acme.example\"",
    ),
    key(
        "rule.when.recipient-domain",
        "domain pattern or a list of them",
        "",
        "The domain of the envelope recipient, written as for `sender-domain`.",
        "[\"globex.example\", \"*.globex.example\"]",
    ),
    size_key("rule.when.size-over", "The message is larger than this.", "\"20MB\""),
    size_key("rule.when.size-under", "The message is smaller than this.", "\"100kB\""),
    key(
        "rule.when.header",
        "table `{ name, matches }` or a list of them",
        "",
        "A header field that must be there. `matches` is a pattern, or a list of which one is enough, for its decoded value; without it any value does. Several headers must all be there. A value in an unknown character set fits if the rule says `protect`, `hold` or `reject`.",
        "{ name = \"Subject\", matches = \"*[secret]*\" }",
    ),
    key(
        "rule.when.sensitivity",
        "`normal`, `personal`, `private`, `company-confidential` or a list of them",
        "",
        "The `Sensitivity` field, which mail programs offer as an option. A value that no standard knows counts as `private`.",
        "[\"private\", \"company-confidential\"]",
    ),
    key(
        "rule.when.desktop",
        "`none`, `signed`, `encrypted` or a list of them",
        "",
        "What the sender's own program has done. With `desktop = \"none\"` and `then = \"reject\"` the policy requires that users protect their mail themselves.",
        "\"none\"",
    ),
    key(
        "rule.when.label",
        "table `{ policy, at-least, mark }` or a list of them",
        "",
        "A security label (RFC 2634) in a signature: `policy` is the object identifier of its policy, `at-least` the lowest classification that fits (`unmarked`, `unclassified`, `restricted`, `confidential`, `secret`, `top-secret`), `mark` a pattern or a list of them for its privacy mark; what is left out is not looked at, and `{}` fits any label. One label and one table that fit are enough; equivalent labels count. On outgoing mail it is the label that the user's own program signed. On incoming mail labels of wrong signatures do not count. A label that cannot be read fits if the rule says `protect`, `hold` or `reject`.",
        "{ policy = \"1.3.6.1.4.1.99.1\", at-least = \"confidential\" }",
    ),
];

const ACTION: &str = "`deliver`, `deliver-with-warning`, `hold` or `reject`";

const fn key(
    path: &'static str,
    kind: &'static str,
    default: &'static str,
    doc: &'static str,
    example: &'static str,
) -> KeyDoc {
    KeyDoc { path, kind, unit: "", default, doc, example, owner: "policy" }
}

const fn size_key(path: &'static str, doc: &'static str, example: &'static str) -> KeyDoc {
    KeyDoc {
        path,
        kind: "size",
        unit: "octets, kB, MB, GB, KiB, MiB, GiB",
        default: "",
        doc,
        example,
        owner: "policy",
    }
}

#[cfg(test)]
mod tests;
