//! The crate certval, with the cryptography of ours: whether a signature holds is not what is compared.

use certval::{
    CertificationPath, CertificationPathResults, CertificationPathSettings, Error, MemoryCrlSource,
    PDVCertificate, PDVTrustAnchorChoice, PkiEnvironment, TimeOfInterest, check_revocation_local,
    parse_cert, validate_path_rfc5280,
};
use chancery_crypto::{PublicKey, SignatureAlgorithm};
use der::Encode as _;
use der::asn1::BitString;
use spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use crate::graph::{AT, Ask, Graph, Issued};
use crate::themes::EMAIL;

/// Validates a chain of a graph, the anchor first and the target last; says why not.
pub fn chain(graph: &Graph, chain: &[&Issued]) -> Result<(), String> {
    let mut environment = environment();
    if graph.ask.revocation {
        let lists = MemoryCrlSource::new();
        for list in &graph.lists {
            lists.add(&list.der);
        }
        environment.add_crl_source(Box::new(lists));
    }
    let settings = settings(&graph.ask, AT).map_err(|error| text(&error))?;
    let ders: Vec<&[u8]> = chain.iter().map(|it| it.der.as_slice()).collect();
    let path = path(&ders).map_err(|error| text(&error))?;
    let settings =
        certval::path_validator::enforce_trust_anchor_constraints(&settings, &path.trust_anchor)
            .map_err(|error| text(&error))?;
    let mut results = CertificationPathResults::new();
    validate(&environment, &settings, &path, &mut results).map_err(|error| text(&error))?;
    check_revocation_local(&environment, &settings, &path, &mut results)
        .map_err(|error| text(&error))
}

/// Validates a path without its revocation.
pub fn validate(
    environment: &PkiEnvironment,
    settings: &CertificationPathSettings,
    path: &CertificationPath,
    results: &mut CertificationPathResults,
) -> Result<(), Error> {
    validate_path_rfc5280(environment, settings, path, results)
}

/// Returns an environment that verifies signatures as we do.
pub fn environment() -> PkiEnvironment {
    let mut environment = PkiEnvironment::new();
    environment.add_validate_path_callback(validate_path_rfc5280);
    environment.add_calculate_hash_callback(certval::calculate_hash_rust_crypto);
    environment.add_verify_signature_message_callback(verify);
    environment
}

/// Returns the settings for a question.
pub fn settings(ask: &Ask, at: i64) -> Result<CertificationPathSettings, Error> {
    let mut settings = CertificationPathSettings::new();
    let seconds = u64::try_from(at).unwrap_or_default();
    settings.set_time_of_interest(TimeOfInterest::from_unix_secs(seconds)?);
    settings.set_require_ta_store(false);
    // What an anchor's certificate says counts for us too (RFC 5937).
    settings.set_enforce_trust_anchor_constraints(true);
    settings.set_initial_explicit_policy_indicator(ask.explicit);
    settings.set_initial_policy_mapping_inhibit_indicator(ask.inhibit_mapping);
    settings.set_initial_inhibit_any_policy_indicator(ask.inhibit_any);
    if let Some(policies) = &ask.policies {
        settings.set_initial_policy_set(policies.iter().map(ToString::to_string).collect());
    }
    if ask.is_for_mail {
        settings.set_extended_key_usage(vec![EMAIL.to_owned()]);
        settings.set_extended_key_usage_path(true);
        settings.set_target_key_usage(x509_cert::ext::pkix::KeyUsages::DigitalSignature.into());
    }
    settings.set_check_revocation_status(ask.revocation);
    Ok(settings)
}

/// Reads a path, the anchor first and the target last.
pub fn path(ders: &[&[u8]]) -> Result<CertificationPath, Error> {
    let [anchor, between @ .., target] = ders else { return Err(Error::NotFound) };
    let anchor = PDVTrustAnchorChoice::create(anchor, "")?;
    let between: Vec<PDVCertificate> =
        between.iter().map(|der| parse_cert(der, "")).collect::<Result<_, _>>()?;
    Ok(CertificationPath::new(anchor, between, parse_cert(target, "")?))
}

fn verify(
    _: &PkiEnvironment,
    message: &[u8],
    signature: &BitString,
    algorithm: &AlgorithmIdentifierOwned,
    key: &SubjectPublicKeyInfoOwned,
) -> Result<(), Error> {
    let refused = |_| Error::Unrecognized;
    let algorithm = algorithm.to_der()?;
    let algorithm = SignatureAlgorithm::from_der(&algorithm).map_err(refused)?;
    let key = PublicKey::from_spki_der(&key.to_der()?).map_err(refused)?;
    let signature = signature.as_bytes().ok_or(Error::Unrecognized)?;
    key.verify(algorithm, message, signature).map_err(refused)
}

fn text(error: &Error) -> String {
    format!("{error:?}")
}
