//! What other programs refuse, and why. A refusal that is not here is a fault of ours; one that no longer happens too.

use super::Way::{self, In, Out};

/// Somebody's refusal of some rows. The first that fits a cell counts.
pub(crate) struct Refusal {
    pub(crate) peers: &'static [&'static str],
    pub(crate) ways: &'static [Way],
    /// Parts of the names of rows.
    pub(crate) rows: &'static [&'static str],
    /// Parts of what the program says, one of which must be in it.
    pub(crate) says: &'static [&'static str],
    pub(crate) why: &'static str,
}

const fn no(
    peers: &'static [&'static str],
    ways: &'static [Way],
    rows: &'static [&'static str],
    says: &'static [&'static str],
    why: &'static str,
) -> Refusal {
    Refusal { peers, ways, rows, says, why }
}

/// All that are NSS inside.
const NSS: &[&str] = &["NSS", "Thunderbird", "Evolution"];

const GPGSM: &[&str] = &["gpgsm"];

const OLD_OPENSSL: &[&str] = &["OpenSSL 3.0"];

/// What its libraries say of an algorithm or a structure that they do not know.
const UNKNOWN: &[&str] = &[
    "SEC_ERROR_BAD_DER",
    "SEC_ERROR_EXTENSION_NOT_FOUND",
    "SEC_ERROR_INVALID_ALGORITHM",
    "SEC_ERROR_INVALID_KEY",
    "SEC_ERROR_PKCS7_BAD_SIGNATURE",
    "SEC_ERROR_UNRECOGNIZED_OID",
    "SEC_ERROR_NOT_A_RECIPIENT",
    "Processing error",
    "improperly formatted DER",
    "invalid algorithm",
    "PR_LOAD_LIBRARY_ERROR",
    "cannot find certificate",
    "Cannot find certificate",
    "does not exist",
    "Cannot create",
];

pub(crate) const REFUSALS: &[Refusal] = &[
    no(
        &["NSS", "Thunderbird", "Evolution", "Bouncy Castle"],
        &[In],
        &["beside it"],
        &["no option for a second signer"],
        "It is asked for one signer only.",
    ),
    no(
        &["gpgsm", "NSS", "Thunderbird", "Evolution"],
        &[In],
        &["SHA3-256"],
        &["digest algorithm is invalid", "-H requires", "no such digest"],
        "It has no SHA-3.",
    ),
    no(
        &["gpgsm", "NSS", "Thunderbird", "Evolution"],
        &[In],
        &["PSS"],
        &["no option for PSS"],
        "It cannot be asked to sign with PSS.",
    ),
    no(
        NSS,
        &[Out],
        &["PSS"],
        &["SEC_ERROR_INVALID_ARGS", "SEC_ERROR_BAD_DATA", "Bad signature"],
        "Its S/MIME does not verify PSS.",
    ),
    no(
        GPGSM,
        &[Out],
        &["P-521, SHA-512"],
        &["invalid signature: Internal error"],
        "It does not verify P-521, nor what it signs with it itself.",
    ),
    no(
        OLD_OPENSSL,
        &[In, Out],
        &["sign: Ed25519"],
        &["invalid digest", "no default digest"],
        "Its CMS has no Ed25519.",
    ),
    no(
        GPGSM,
        &[In, Out],
        &["sign: Ed25519", "ML-DSA"],
        &[
            "Internal error",
            "no signature value",
            "No secret key",
            "Invalid public key",
            "algorithm",
            // All that it says when it has not got the second of two signers.
            "CRLs not checked due to offline option",
        ],
        "It has no Ed25519 in S/MIME, and nothing post-quantum.",
    ),
    no(
        NSS,
        &[In, Out],
        &["sign: Ed25519", "ML-DSA"],
        UNKNOWN,
        "Its S/MIME has neither Ed25519 nor anything post-quantum.",
    ),
    no(
        OLD_OPENSSL,
        &[In, Out],
        &["ML-DSA", "ML-KEM"],
        &["unsupported", "certificate verify error", "error getting public key"],
        "It has nothing post-quantum.",
    ),
    no(
        &["Bouncy Castle"],
        &[In, Out],
        &["ML-DSA", "ML-KEM"],
        &["Unknown signature type", "getPublicKey()"],
        "This version has nothing post-quantum that became a standard.",
    ),
    no(
        NSS,
        &[In],
        &["MD5"],
        &["ALGORITHM_DISABLED", "failed to add data", "Failed to encode"],
        "It refuses to sign with MD5.",
    ),
    no(GPGSM, &[In], &["MD5"], &["in place of MD5"], "It signs with SHA-1 when asked for MD5."),
    no(
        &["OpenSSL 4.0"],
        &[In],
        &["RC2"],
        &["legacy"],
        "It was built without its provider of old algorithms.",
    ),
    no(
        &["OpenSSL 3.0", "OpenSSL 4.0"],
        &[In],
        &["ChaCha20"],
        &["CMS_final"],
        "Its CMS does not know the cipher.",
    ),
    no(
        &["Bouncy Castle"],
        &[In],
        &["ChaCha20"],
        &["RFC 8103"],
        "It writes this cipher as enveloped-data without a place for the tag, against RFC 8103; we do not read that. \
         The vectors `rfc9216-*` have the real one, of another program.",
    ),
    no(
        OLD_OPENSSL,
        &[In],
        &["compress"],
        &["unsupported compression algorithm"],
        "It was built without zlib.",
    ),
    no(
        &["gpgsm", "NSS", "Thunderbird", "Evolution"],
        &[In],
        &["compress"],
        &["cannot compress"],
        "It does not compress.",
    ),
    no(
        &["NSS", "Thunderbird", "Evolution", "gpgsm"],
        &[In],
        &["encrypt: "],
        &["no option for"],
        "It cannot be asked for this; what it writes is in the row of its own cipher.",
    ),
    no(
        &["OpenSSL 3.0", "OpenSSL 4.0"],
        &[In, Out],
        &["X25519"],
        &[
            "no matching recipient",
            "not supported for this keytype",
            "missing key",
            "ASN1_item_i2d_bio",
        ],
        "Its CMS does not agree on keys with X25519 (RFC 8418). The vectors `rfc9216-*` have such a message, of another \
         program.",
    ),
    no(
        &["Bouncy Castle"],
        &[In, Out],
        &["X25519"],
        &["originator key invalid", "can't identify EC"],
        "Its CMS does not agree on keys with X25519 (RFC 8418).",
    ),
    no(
        GPGSM,
        &[In, Out],
        &["AES-256-GCM"],
        &["Buffer too short"],
        "It does not read authEnveloped-data (RFC 5083).",
    ),
    no(NSS, &[Out], &["AES-256-GCM"], UNKNOWN, "It does not read authEnveloped-data (RFC 5083)."),
    no(
        &["NSS", "Evolution"],
        &[Out],
        &["at once"],
        UNKNOWN,
        "It reads no message in which anybody is addressed by key agreement, not even as the reader with the RSA key.",
    ),
    no(
        GPGSM,
        &[In, Out],
        &["ECDH", "X25519", "ML-KEM", "at once"],
        &["No secret key", "Wrong key usage", "CRLs not checked", "No public key"],
        "It neither opens nor writes key agreement, and nothing post-quantum.",
    ),
    no(
        NSS,
        &[In, Out],
        &["ECDH", "X25519", "ML-KEM", "at once"],
        UNKNOWN,
        "Its S/MIME does not do this with such a key.",
    ),
];
