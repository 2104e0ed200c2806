//! The stable code of each rule, with the advice that `chancery explain` prints.

use chancery_fault::{Code, Fault, Retry};

use crate::path::Rule;

/// Returns the code of a rule.
pub(super) const fn of(rule: Rule) -> &'static Code {
    match rule {
        Rule::Address => &ADDRESS,
        Rule::Algorithm => &ALGORITHM,
        Rule::BasicConstraints => &BASIC_CONSTRAINTS,
        Rule::Budget => &BUDGET,
        Rule::Expired => &EXPIRED,
        Rule::ExtendedKeyUsage => &EXTENDED_KEY_USAGE,
        Rule::KeyCertSign => &KEY_CERT_SIGN,
        Rule::KeyUsage => &KEY_USAGE,
        Rule::NameConstraints => &NAME_CONSTRAINTS,
        Rule::NoAnchor => &NO_ANCHOR,
        Rule::NotYetValid => &NOT_YET_VALID,
        Rule::PathLength => &PATH_LENGTH,
        Rule::Policy => &POLICY,
        Rule::PolicyMapping => &POLICY_MAPPING,
        Rule::RevocationUnknown => &REVOCATION_UNKNOWN,
        Rule::Revoked => &REVOKED,
        Rule::Signature => &SIGNATURE,
        Rule::UnknownCriticalExtension => &UNKNOWN_CRITICAL_EXTENSION,
    }
}

/// Returns a code of a path rule: it is the partner's to mend, and a later try gives the same until they do.
const fn code(id: &'static str, summary: &'static str, help: &'static str) -> Code {
    Code { id, fault: Fault::Partner, retry: Retry::Never, reply: "550 5.7.5", summary, help }
}

static ADDRESS: Code = code(
    "pki.path.address",
    "a certificate is not for the address it is to be used for",
    "Ask the partner for a certificate that names the address, or whose organisation speaks for its domain. Whoever issued it may be \
     limited to other domains than this one.",
);
static ALGORITHM: Code = code(
    "pki.path.algorithm",
    "a certificate uses an algorithm or key size that is not accepted",
    "Ask the partner for a certificate with SHA-256 or better and RSA of 2048 bits or more, or P-256, P-384, P-521 or Ed25519. \
     SHA-1 signatures can be forged and small RSA keys factored, so they prove nothing any more.",
);
static BASIC_CONSTRAINTS: Code = code(
    "pki.path.basic_constraints",
    "a certificate was issued by something that is no authority",
    "Ask the partner which authority issued the certificate. The issuer named in the path has no `CA:TRUE`, so its signature on \
     another certificate counts for nothing; this is also what an attempted forgery looks like.",
);
static BUDGET: Code = code(
    "pki.path.budget",
    "the certificates are too many or too entangled to find a path",
    "Ask the partner to send only the certificates between its own and its anchor. The limits exist because a message with hundreds \
     of cross certificates can keep a validator busy for hours.",
);
static EXPIRED: Code = code(
    "pki.path.expired",
    "a certificate on the path has expired",
    "Ask the partner for a current card or certificate; renew with `chancery key renew` if it is ours. Check the clock of this \
     machine with `chancery check` if many partners fail at once.",
);
static EXTENDED_KEY_USAGE: Code = code(
    "pki.path.extended_key_usage",
    "a certificate is not meant for this purpose",
    "Ask the partner for a certificate with the extended key usage emailProtection. Certificates for web servers do not sign mail.",
);
static KEY_CERT_SIGN: Code = code(
    "pki.path.key_cert_sign",
    "an issuer's key may not sign certificates",
    "Ask the partner about the authority named in the path: its key usage lacks keyCertSign.",
);
static KEY_USAGE: Code = code(
    "pki.path.key_usage",
    "the key usage of a certificate does not permit this",
    "Use the partner's other certificate: many organisations have one for signing (digitalSignature) and one for encryption \
     (keyEncipherment for RSA, keyAgreement for EC).",
);
static NAME_CONSTRAINTS: Code = code(
    "pki.path.name_constraints",
    "a certificate carries a name that its authority may not give",
    "Ask the partner: an authority on the path is limited to certain names and this certificate has another, or the limit is of a \
     kind that cannot be evaluated. It may be an attempt to speak for a foreign domain.",
);
static NO_ANCHOR: Code = code(
    "pki.path.no_anchor",
    "no trusted authority vouches for the certificate",
    "Get the partner's card by a way you trust, compare its fingerprint over the phone and add it with `chancery partner add FILE`. \
     Until then the signer is a stranger, whatever name is in the certificate.",
);
static NOT_YET_VALID: Code = code(
    "pki.path.not_yet_valid",
    "a certificate on the path is not valid yet",
    "Check the clock of this machine with `chancery check`. If it is right, the partner's authority had a wrong clock when it issued \
     the certificate.",
);
static PATH_LENGTH: Code = code(
    "pki.path.path_length",
    "an authority has more authorities below it than it may",
    "Ask the partner: somebody made an authority where none is permitted.",
);
static POLICY: Code = code(
    "pki.path.policy",
    "no certificate policy that is asked for holds on the whole path",
    "Compare the policies of the path with those that are asked for. Either an authority \
     on the path, or the settings for this partner, demand a policy, and some certificate does not have it or maps it to another one.",
);
static POLICY_MAPPING: Code = code(
    "pki.path.policy_mapping",
    "an authority declares some policy to be any policy, or any to be some",
    "Ask the partner: a policy mapping from or to anyPolicy means nothing and is forbidden.",
);
static REVOCATION_UNKNOWN: Code = code(
    "pki.path.revocation_unknown",
    "it is not known whether a certificate was revoked",
    "Look whether this machine reaches the addresses of the lists and responders that the certificate names. Without a current list or \
     response nobody can say that the certificate still holds; the settings for this partner do not accept that.",
);
static REVOKED: Code = code(
    "pki.path.revoked",
    "a certificate was revoked",
    "Ask the partner for a new certificate. Its authority has declared this one invalid; if the key was stolen, somebody else can sign \
     with it and read what is encrypted to it.",
);
static SIGNATURE: Code = code(
    "pki.path.signature",
    "a certificate is not signed by the key of its issuer",
    "Ask the partner whether its authority has a new key; then it has a new card. Otherwise somebody made a certificate in the \
     authority's name.",
);
static UNKNOWN_CRITICAL_EXTENSION: Code = code(
    "pki.path.unknown_critical_extension",
    "a certificate has a critical extension that is not known",
    "Ask the partner for a certificate without it. Critical means: whoever does not understand it must not use the certificate.",
);
