//! The disagreements that are understood: who is right, by which clause, and in which chains that shows.
//!
//! Everything else that an oracle says otherwise than we do fails the comparison.

use crate::compare::Case;
use crate::graph::{CERT_SIGN, Lists};
use crate::recipe::{GeneralName, Recipe};
use crate::themes::{ANY_POLICY, ANY_USAGE, Theme};

/// Who else was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oracle {
    /// The crate certval.
    Certval,
    /// OpenSSL's library.
    OpenSsl,
}

/// One understood disagreement.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its name in the table.
    pub name: &'static str,
    /// Who disagrees.
    pub oracle: Oracle,
    /// Whether the oracle accepts the chain.
    pub accepts: bool,
    /// Where the rule is written.
    pub clause: &'static str,
    /// Why we are right, or may be otherwise.
    pub why: &'static str,
    /// Whether it is the reason in this chain.
    applies: fn(&Case<'_>) -> bool,
}

/// Finds the reason of a disagreement.
pub fn find(oracle: Oracle, case: &Case<'_>) -> Option<&'static Known> {
    let accepts = case.theirs.is_empty();
    TABLE
        .iter()
        .find(|known| known.oracle == oracle && known.accepts == accepts && (known.applies)(case))
}

/// Returns the page for people, `docs/reference/path-differences.md`.
pub fn page() -> String {
    let mut page = String::from(PAGE);
    for known in TABLE {
        let says = if known.accepts { "accepts" } else { "refuses" };
        page += &format!("| {} | {says} | {} | {} |\n", known.name, known.clause, known.why);
    }
    page
}

/// How the page begins.
const PAGE: &str = "# Where other libraries decide otherwise

`cargo nextest run -p chancery-graphs` makes certificate graphs from seeds and asks OpenSSL 4 and certval about their chains.
Whatever they say otherwise than Chancery must be in this table, which is that of `tests/graphs/src/known.rs`; anything else fails the test.
`CHANCERY_GRAPHS=20000` before the command compares so many graphs.

| difference | the library | clause | why |
|---|---|---|---|
";

/// Names an error of OpenSSL; the name without `X509_V_ERR_`.
pub fn openssl_error(error: i32) -> String {
    let known = ERRORS.iter().find(|(number, _)| *number == error);
    known.map_or_else(|| error.to_string(), |(_, name)| (*name).to_owned())
}

/// Errors of `x509_vfy.h` that graphs run into.
const ERRORS: &[(i32, &str)] = &[
    (3, "UNABLE_TO_GET_CRL"),
    (7, "CERT_SIGNATURE_FAILURE"),
    (8, "CRL_SIGNATURE_FAILURE"),
    (9, "CERT_NOT_YET_VALID"),
    (10, "CERT_HAS_EXPIRED"),
    (12, "CRL_HAS_EXPIRED"),
    (23, "CERT_REVOKED"),
    (24, "INVALID_CA"),
    (25, "PATH_LENGTH_EXCEEDED"),
    (26, "INVALID_PURPOSE"),
    (34, "UNHANDLED_CRITICAL_EXTENSION"),
    (42, "INVALID_POLICY_EXTENSION"),
    (43, "NO_EXPLICIT_POLICY"),
    (44, "DIFFERENT_CRL_SCOPE"),
    (47, "PERMITTED_VIOLATION"),
    (48, "EXCLUDED_VIOLATION"),
    (51, "UNSUPPORTED_CONSTRAINT_TYPE"),
    (53, "UNSUPPORTED_NAME_SYNTAX"),
    (54, "CRL_PATH_VALIDATION_ERROR"),
];

/// The table.
pub const TABLE: &[Known] = &[
    Known {
        name: "certval: years before 1970",
        oracle: Oracle::Certval,
        accepts: false,
        clause: "RFC 5280 section 4.1.2.5",
        why: "UTCTime reaches back to 1950; the parser that certval uses begins with 1970",
        applies: |case| case.theirs.contains("UTCTime") && some(case, |it| it.valid.0 < 0),
    },
    Known {
        name: "certval: no key usage",
        oracle: Oracle::Certval,
        accepts: false,
        clause: "RFC 5280 section 6.1.4 (n)",
        why: "keyCertSign is required only of an authority with a key usage extension",
        applies: |case| {
            says(case, "InvalidKeyUsage") && authorities(case).any(|it| it.usage.is_none())
        },
    },
    Known {
        name: "certval: anyExtendedKeyUsage",
        oracle: Oracle::Certval,
        accepts: false,
        clause: "RFC 5280 section 4.2.1.12",
        why: "anyExtendedKeyUsage is no restriction; certval intersects it with the purpose that is asked for, and nothing is left",
        applies: |case| says(case, "InvalidKeyUsage") && some(case, allows_any),
    },
    Known {
        name: "certval: an anchor for another purpose",
        oracle: Oracle::Certval,
        accepts: true,
        clause: "RFC 5280 section 4.2.1.12",
        why: "an extended key usage in an authority limits what is below; certval does not look at it if the target has none",
        applies: |case| {
            let anchor = case.chain.first().is_some_and(|it| !it.recipe.extended_usage.is_empty());
            anchor
                && breaks_only(case, &["pki.path.extended_key_usage", "pki.path.basic_constraints"])
        },
    },
    Known {
        name: "certval: an anchor that is no authority",
        oracle: Oracle::Certval,
        accepts: true,
        clause: "RFC 5914 section 2",
        why: "RFC 5280 leaves the certificate of an anchor alone; we refuse one whose certificate denies to be an authority",
        applies: |case| {
            let anchor = case.chain.first().and_then(|it| it.recipe.basic);
            anchor.is_none_or(|(is_ca, _)| !is_ca)
                && case.ours.broken.iter().eq(["pki.path.basic_constraints"].iter())
        },
    },
    Known {
        name: "certval: constraints of user principal names",
        oracle: Oracle::Certval,
        accepts: false,
        clause: "RFC 5280 section 4.2.1.10",
        why: "a form that is not understood must be refused; certval does not know that of Windows, which we do",
        applies: |case| says(case, "NameConstraintsViolation") && has_upn(case),
    },
    Known {
        name: "certval: leading dot in a host constraint",
        oracle: Oracle::Certval,
        accepts: false,
        clause: "RFC 5280 section 4.2.1.10",
        why: "the profile has no leading dot for dNSName; certval refuses every such path, we take it for all hosts below",
        applies: |case| {
            says(case, "NameConstraintsViolation")
                && trees(case)
                    .any(|tree| matches!(tree, GeneralName::Dns(name) if name.starts_with('.')))
        },
    },
    Known {
        name: "certval: a policy with two parents",
        oracle: Oracle::Certval,
        accepts: false,
        clause: "RFC 9618 section 5.5 (g)",
        why: "a policy that satisfies two policies above stays if one of the two is wanted; certval deletes it with the other one",
        applies: |case| {
            says(case, "NullPolicySet")
                && case.graph.ask.policies.is_some()
                && some(case, |it| meets(it) || maps_beside_any(it))
        },
    },
    Known {
        name: "OpenSSL: a mapping of anyPolicy without policies",
        oracle: Oracle::OpenSsl,
        accepts: true,
        clause: "RFC 5280 section 6.1.4 (a)",
        why: "anyPolicy must not be mapped; OpenSSL looks at mappings only beside policies",
        applies: |case| {
            let maps_any = |it: &Recipe| it.mappings.iter().any(|(from, _)| *from == ANY_POLICY);
            breaks_only(case, &["pki.path.policy_mapping"])
                && some(case, |it| it.policies.is_none() && maps_any(it))
        },
    },
    Known {
        name: "OpenSSL: a policy mapped from anyPolicy",
        oracle: Oracle::OpenSsl,
        accepts: false,
        clause: "RFC 9618 section 5.4 (b)(1)",
        why: "a mapping below anyPolicy makes its policy one of the authority's, and so of the user's; OpenSSL leaves it out",
        applies: |case| {
            says(case, "NO_EXPLICIT_POLICY")
                && case.graph.ask.policies.is_some()
                && some(case, maps_beside_any)
        },
    },
    Known {
        name: "OpenSSL: a list of another authority of the same name",
        oracle: Oracle::OpenSsl,
        accepts: true,
        clause: "RFC 5280 section 6.3.3 (f)",
        why: "an issuer is known by its name; what one of two authorities of one name lists is revoked, whichever list OpenSSL picks",
        applies: |case| {
            breaks_only(case, &["pki.path.revoked"]) && case.graph.themes.contains(&Theme::Twins)
        },
    },
    Known {
        name: "OpenSSL: no basic constraints",
        oracle: Oracle::OpenSsl,
        accepts: true,
        clause: "RFC 5280 section 6.1.4 (k)",
        why: "an authority has basicConstraints; unless it is told to be strict, OpenSSL is content with keyCertSign",
        applies: |case| {
            let may_sign = |it: &Recipe| it.usage.is_some_and(|usage| usage & CERT_SIGN != 0);
            let issuers = case.chain.split_last().map_or(&[][..], |(_, issuers)| issuers);
            case.ours.broken.iter().eq(["pki.path.basic_constraints"].iter())
                && issuers.iter().any(|it| it.recipe.basic.is_none() && may_sign(&it.recipe))
        },
    },
    Known {
        name: "OpenSSL: anyExtendedKeyUsage",
        oracle: Oracle::OpenSsl,
        accepts: false,
        clause: "RFC 5280 section 4.2.1.12",
        why: "anyExtendedKeyUsage is no restriction; for mail OpenSSL wants emailProtection by name",
        applies: |case| says(case, "INVALID_PURPOSE") && some(case, allows_any),
    },
    Known {
        name: "OpenSSL: constraints of user principal names",
        oracle: Oracle::OpenSsl,
        accepts: false,
        clause: "RFC 5280 section 4.2.1.10",
        why: "a form that is not understood must be refused; OpenSSL does not know that of Windows, which we do",
        applies: |case| says(case, "UNSUPPORTED_CONSTRAINT_TYPE") && has_upn(case),
    },
    Known {
        name: "OpenSSL: leading dot in a host constraint",
        oracle: Oracle::OpenSsl,
        accepts: true,
        clause: "RFC 5280 section 4.2.1.10",
        why: "the profile has no leading dot for dNSName; whether an excluded `.domain` excludes the domain itself is not known, so we refuse it",
        applies: |case| {
            case.ours.broken.iter().eq(["pki.path.name_constraints"].iter())
                && some(case, |it| {
                    it.excluded.iter().any(|tree| is_dotted(tree) && names(case, tree))
                })
        },
    },
    Known {
        name: "OpenSSL: a list about its own issuer",
        oracle: Oracle::OpenSsl,
        accepts: false,
        clause: "RFC 5280 section 6.3.3 (f)",
        why: "whoever lists the certificates of an authority may be listed by it; OpenSSL follows no path from there, we take such a list after all others",
        applies: |case| {
            says(case, "CRL_PATH_VALIDATION_ERROR") && case.graph.schemes.contains(&Lists::Indirect)
        },
    },
    Known {
        name: "OpenSSL: one list is enough",
        oracle: Oracle::OpenSsl,
        accepts: false,
        clause: "RFC 5280 section 6.3.3 (f) and (g)",
        why: "an authority with two keys signs two lists; OpenSSL takes the one that looks best and tries no other",
        applies: |case| says(case, "CRL_SIGNATURE_FAILURE"),
    },
    Known {
        name: "OpenSSL: a mapping stands for a policy",
        oracle: Oracle::OpenSsl,
        accepts: true,
        clause: "RFC 9618 section 5.4 (b)(1)",
        why: "anyPolicy that is inhibited stands for nothing; OpenSSL takes it for each policy that the certificate maps",
        applies: |case| {
            let is_policy = case.ours.broken.iter().eq(["pki.path.policy"].iter());
            let inhibits = |it: &Recipe| it.inhibit_any.is_some();
            let maps = |it: &Recipe| {
                let named = it.policies.as_deref().unwrap_or_default();
                named.contains(&ANY_POLICY)
                    && it.mappings.iter().any(|(from, _)| !named.contains(from))
            };
            is_policy && some(case, maps) && (case.graph.ask.inhibit_any || some(case, inhibits))
        },
    },
];

fn says(case: &Case<'_>, what: &str) -> bool {
    case.theirs == what || case.theirs == format!("PathValidation({what})")
}

fn some(case: &Case<'_>, is_so: impl Fn(&Recipe) -> bool) -> bool {
    case.chain.iter().any(|it| is_so(&it.recipe))
}

/// Returns the authorities below the anchor.
fn authorities<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Recipe> {
    let between = case.chain.get(1..case.chain.len() - 1).unwrap_or_default();
    between.iter().map(|it| &it.recipe)
}

fn trees<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a GeneralName> {
    case.chain.iter().flat_map(|it| it.recipe.permitted.iter().chain(&it.recipe.excluded))
}

/// Returns true if nothing but some of these rules is broken.
fn breaks_only(case: &Case<'_>, rules: &[&str]) -> bool {
    case.ours.broken.iter().all(|rule| rules.contains(rule))
}

fn maps_beside_any(recipe: &Recipe) -> bool {
    !recipe.mappings.is_empty() && recipe.policies.iter().flatten().any(|it| *it == ANY_POLICY)
}

fn is_dotted(tree: &GeneralName) -> bool {
    matches!(tree, GeneralName::Dns(name) if name.starts_with('.'))
}

/// Returns true if the target has the very domain of a tree with a leading dot.
fn names(case: &Case<'_>, tree: &GeneralName) -> bool {
    let GeneralName::Dns(tree) = tree else { return false };
    let names = &case.graph.target.recipe.names;
    names.iter().any(|name| *name == GeneralName::Dns(tree.trim_start_matches('.').to_owned()))
}

fn has_upn(case: &Case<'_>) -> bool {
    trees(case).any(|tree| matches!(tree, GeneralName::Upn(_)))
}

fn allows_any(recipe: &Recipe) -> bool {
    recipe.extended_usage == [ANY_USAGE]
}

/// Returns true if two policies of a certificate are satisfied by the same one in the next.
fn meets(recipe: &Recipe) -> bool {
    let mut satisfied: Vec<(&str, &str)> = recipe.mappings.clone();
    let named = recipe.policies.iter().flatten();
    satisfied.extend(
        named
            .filter(|policy| recipe.mappings.iter().all(|(from, _)| from != *policy))
            .map(|policy| (*policy, *policy)),
    );
    satisfied.iter().any(|(one, by)| satisfied.iter().any(|(other, too)| one != other && by == too))
}
