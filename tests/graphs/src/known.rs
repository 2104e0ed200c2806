//! The disagreements that are understood: who is right, by which clause, and in which chains that shows.
//!
//! Everything else that an oracle says otherwise than we do fails the comparison.

mod conditions;

use crate::compare::Case;
use crate::graph::CERT_SIGN;
use crate::policies::Habit;
use crate::recipe::{GeneralName, Recipe};

use conditions::{
    allows_any, authorities, breaks_only, comes_of, has_lists_by_others_only, has_upn, is_dotted,
    lists_differ, lists_itself, maps_any, may_confuse_lists, names, names_below, recipes, says,
    some, trees,
};

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
On 22 November 2026 the seeds 1 to 20,000, in four runs, made 104,002 chains of which 36,933 hold: 47,979 were compared with OpenSSL 4.0.3, 50,327 with certval 0.2.0-rc.1, and every disagreement was one of these.
What is said of policies is explained only if a second reading of RFC 9618 with just that habit says the same.

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
        name: "certval: leading dot in a host constraint of an anchor",
        oracle: Oracle::Certval,
        accepts: true,
        clause: "RFC 5280 section 4.2.1.10",
        why: "an excluded `.domain` excludes the hosts below it, and whether the domain itself is not known, so we refuse both; where an anchor says so (RFC 5937), certval lets both pass",
        applies: |case| {
            let anchor = case.chain.first().map(|it| &it.recipe);
            breaks_only(case, &["pki.path.name_constraints"])
                && anchor.is_some_and(|it| {
                    it.excluded.iter().any(|tree| {
                        is_dotted(tree) && (names(case, tree) || names_below(case, tree))
                    })
                })
        },
    },
    Known {
        name: "certval: a policy below two others",
        oracle: Oracle::Certval,
        accepts: false,
        clause: "RFC 9618 section 5.5 (g)",
        why: "a policy that satisfies one that is wanted and one that is not stays for the first; certval deletes it with the second",
        applies: |case| says(case, "NullPolicySet") && comes_of(case, &[Habit::DeletesBelow]),
    },
    Known {
        name: "certval: a list by another key",
        oracle: Oracle::Certval,
        accepts: false,
        clause: "RFC 5280 section 6.3.3 (f)",
        why: "any key of the authority whose path holds may sign its lists; certval takes only those by the key that signed the certificate, and here there is none",
        applies: |case| {
            says(case, "RevocationStatusNotDetermined") && has_lists_by_others_only(case)
        },
    },
    Known {
        name: "OpenSSL: a mapping of anyPolicy without policies",
        oracle: Oracle::OpenSsl,
        accepts: true,
        clause: "RFC 5280 section 6.1.4 (a)",
        why: "anyPolicy must not be mapped; OpenSSL looks at the mappings of a certificate only if it has policies",
        applies: |case| {
            let mut wrong = recipes(case).filter(|it| maps_any(it));
            breaks_only(case, &["pki.path.policy_mapping"]) && wrong.all(|it| it.policies.is_none())
        },
    },
    Known {
        name: "OpenSSL: a policy mapped from anyPolicy",
        oracle: Oracle::OpenSsl,
        accepts: false,
        clause: "RFC 9618 sections 5.3 (d)(2) and 5.4 (b)(1)",
        why: "what anyPolicy stands for can be mapped; if the next certificate has anyPolicy, OpenSSL passes it on under the old name, and its new one is then of nobody",
        applies: |case| says(case, "NO_EXPLICIT_POLICY") && comes_of(case, &[Habit::KeepsOldName]),
    },
    Known {
        name: "OpenSSL: one of several complete lists",
        oracle: Oracle::OpenSsl,
        accepts: true,
        clause: "RFC 5280 sections 3.3 and 5",
        why: "an authority of several keys, or two of one name, have several current complete lists: what one of them revokes is revoked; OpenSSL looks at one, which does not list the certificate",
        applies: |case| breaks_only(case, &["pki.path.revoked"]) && lists_differ(case),
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
        applies: |case| says(case, "CRL_PATH_VALIDATION_ERROR") && lists_itself(case),
    },
    Known {
        name: "OpenSSL: one list is enough",
        oracle: Oracle::OpenSsl,
        accepts: false,
        clause: "RFC 5280 sections 5.2.1 and 6.3.3 (g)",
        why: "key identifiers only help to choose; OpenSSL takes a list of another key that they do not rule out, and tries no other",
        applies: |case| says(case, "CRL_SIGNATURE_FAILURE") && may_confuse_lists(case),
    },
    Known {
        name: "OpenSSL: the old name of a policy mapped from anyPolicy",
        oracle: Oracle::OpenSsl,
        accepts: true,
        clause: "RFC 9618 sections 5.3 (d)(2) and 5.4 (b)(1)",
        why: "the same from the other side: who names the policy below by its old name, which means something else there, gets it",
        applies: |case| {
            breaks_only(case, &["pki.path.policy"]) && comes_of(case, &[Habit::KeepsOldName])
        },
    },
    Known {
        name: "OpenSSL: a mapping stands for a policy",
        oracle: Oracle::OpenSsl,
        accepts: true,
        clause: "RFC 9618 section 5.4 (b)(1)",
        why: "anyPolicy that is inhibited stands for nothing; OpenSSL takes each policy that a certificate with anyPolicy maps for one that it has",
        applies: |case| {
            breaks_only(case, &["pki.path.policy"]) && comes_of(case, &[Habit::NamesMapped])
        },
    },
];
