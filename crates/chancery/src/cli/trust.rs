//! The options of `partner trust`: whom to believe for which domain, and under which conditions.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

use super::cert::RevocationChoice;

/// Whom to believe. Without an option that decides something, what is in force is shown.
#[derive(Debug, Args)]
pub struct PartnerTrust {
    /// A mail domain, of a partner or of somebody without a card
    #[arg(required_unless_present_any = ["all_partners", "everybody"])]
    pub domain: Option<String>,
    /// Decide for all partners, as far as nothing else is decided for one
    #[arg(long, conflicts_with_all = ["domain", "everybody"])]
    pub all_partners: bool,
    /// Decide for everybody who is no partner
    #[arg(long, conflicts_with = "domain")]
    pub everybody: bool,
    /// What changes
    #[command(flatten)]
    pub change: TrustChange,
}

/// What is decided anew; what is not named stays.
#[derive(Clone, Debug, Default, Args)]
pub struct TrustChange {
    /// Forget first everything that was decided here
    #[arg(long)]
    pub reset: bool,
    /// Believe the authorities in this file, beside that of the card
    #[arg(long, value_name = "FILE")]
    pub anchor: Vec<PathBuf>,
    /// The most authorities below those of `--anchor`
    #[arg(long, value_name = "N", requires = "anchor")]
    pub anchor_path_length: Option<u32>,
    /// The mail domains for which those of `--anchor` may certify addresses [default: any]
    #[arg(long, value_name = "DOMAIN", requires = "anchor")]
    pub anchor_domain: Vec<String>,
    /// Believe an authority no more: SHA-256 of its certificate, or its first eight digits or more
    #[arg(long, value_name = "SHA256")]
    pub remove_anchor: Vec<String>,
    /// Believe a key without a path: a certificate, or the SHA-256 of its subject public key info
    #[arg(long, value_name = "FILE|SHA256")]
    pub pin: Vec<String>,
    /// Believe a key no more: SHA-256, or its first eight digits or more
    #[arg(long, value_name = "SHA256")]
    pub remove_pin: Vec<String>,
    /// Certificate policies that satisfy, as object identifiers, in place of those before; any for every policy, default for what is usual
    #[arg(long, value_name = "OID")]
    pub policy: Vec<String>,
    /// A path must be valid for a policy
    #[arg(long, value_name = "yes|no", num_args = 0..=1, require_equals = true, default_missing_value = "yes", action = ArgAction::Set)]
    pub require_policy: Option<YesNo>,
    /// No authority may say that its policy is like another one
    #[arg(long, value_name = "yes|no", num_args = 0..=1, require_equals = true, default_missing_value = "yes", action = ArgAction::Set)]
    pub inhibit_mapping: Option<YesNo>,
    /// `anyPolicy` is no policy
    #[arg(long, value_name = "yes|no", num_args = 0..=1, require_equals = true, default_missing_value = "yes", action = ArgAction::Set)]
    pub inhibit_any: Option<YesNo>,
    /// The level of assurance that a path must have, with the policies that mean it unless they were given before; default for what is usual
    #[arg(long, value_name = "LEVEL[=OID,…]")]
    pub assurance: Option<String>,
    /// The mail domains that may be spoken for, in place of those before; default for those of the card
    #[arg(long = "domain", value_name = "DOMAIN")]
    pub domains: Vec<String>,
    /// The fewest bits of an RSA key
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u32).range(1024..=16_384))]
    pub min_rsa: Option<u32>,
    /// The fewest bits of a key on a NIST curve
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u32).range(256..=521))]
    pub min_ec: Option<u32>,
    /// The families of keys that are accepted, in place of those before
    #[arg(long, value_enum, value_name = "FAMILY")]
    pub algorithm: Vec<FamilyChoice>,
    /// What a certificate of unknown status means
    #[arg(long, value_enum)]
    pub revocation: Option<RevocationChoice>,
    /// How old a revocation list or OCSP response may be, such as 7d, whatever it says itself; default for what is usual
    #[arg(long, value_name = "TIME")]
    pub max_age: Option<String>,
}

/// A switch that can be turned both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum YesNo {
    /// It is so
    Yes,
    /// It is not so
    No,
}

/// Families of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FamilyChoice {
    /// What is usual
    Default,
    /// NIST curves
    Ec,
    /// Ed25519
    Ed25519,
    /// ML-DSA
    MlDsa,
    /// ML-KEM
    MlKem,
    /// RSA
    Rsa,
    /// X25519
    X25519,
}
