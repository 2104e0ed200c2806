//! Whether a list is about the certificate: distribution points, kinds of certificates, reasons
//! (RFC 5280 section 6.3.3 (b), (d)).

use crate::certificate::Certificate;
use crate::name::DistinguishedName;
use crate::revocation::list::RevocationList;
use crate::revocation::point::{self, DistributionPoint, GeneralName, Kind, PointName, Scope};
use crate::revocation::reason::Reasons;
use crate::revocation::step::Rule;

/// Returns the distribution points of a certificate and then the one that every certificate has: its issuer
/// (RFC 5280 section 6.3.3, last paragraph but one).
pub(super) fn points(certificate: &Certificate) -> Vec<DistributionPoint> {
    let stated = certificate.extensions().crl_distribution_points.as_deref();
    let mut points = DistributionPoint::list_of(stated);
    let mut names = vec![GeneralName::Directory(certificate.issuer_name().clone())];
    names.extend(point::issuer_alternative_names(certificate));
    let name = Some(PointName::Full(names));
    points.push(DistributionPoint { name, ..DistributionPoint::default() });
    points
}

/// Returns who may have issued the lists of a point: whom the point names, else the issuer of the certificate.
pub(super) fn issuers<'a>(
    point: &'a DistributionPoint,
    certificate: &'a Certificate,
) -> Vec<&'a DistinguishedName> {
    if point.crl_issuer.is_empty() {
        return vec![certificate.issuer_name()];
    }
    let names = point.crl_issuer.iter().filter_map(|name| match name {
        GeneralName::Directory(name) => Some(name),
        _ => None,
    });
    names.collect()
}

/// Checks that a list is about the certificate, under one of its points; tells the rule that does not hold and why.
pub(super) fn check(
    list: &RevocationList,
    point: &DistributionPoint,
    certificate: &Certificate,
) -> Result<(), (Rule, &'static str)> {
    let everything = Scope::default();
    let scope = list.extensions().scope.as_ref().unwrap_or(&everything);
    if !point.crl_issuer.is_empty() && !scope.is_indirect {
        let found = "does not say that it is about certificates of other issuers";
        return Err((Rule::Issuer, found));
    }
    if !is_at(list, scope, point, certificate) {
        return Err((Rule::DistributionPoint, "is of another distribution point"));
    }
    let found = match scope.only {
        Some(Kind::User) if certificate.is_ca() => "is not about certificates of authorities",
        Some(Kind::Ca) if !certificate.is_ca() => "is about certificates of authorities only",
        Some(Kind::Attribute) => "is about attribute certificates only",
        _ => return Ok(()),
    };
    Err((Rule::CertificateKind, found))
}

/// Returns the reasons that the list covers for a certificate with this point (RFC 5280 section 6.3.3 (d)).
pub(super) fn reasons(list: &RevocationList, point: &DistributionPoint) -> Reasons {
    let of_list = list.extensions().scope.as_ref().and_then(|scope| scope.reasons);
    let of_point = point.reasons.unwrap_or(Reasons::ALL);
    of_list.unwrap_or(Reasons::ALL).intersection(of_point)
}

/// RFC 5280 section 6.3.3 (b)(2)(i).
fn is_at(
    list: &RevocationList,
    scope: &Scope,
    point: &DistributionPoint,
    certificate: &Certificate,
) -> bool {
    let Some(name) = &scope.name else { return true };
    let of_list = name.full(list.issuer_name());
    let of_point = if point.name.is_some() {
        point.full_names(certificate.issuer_name())
    } else {
        point.crl_issuer.clone()
    };
    of_list.iter().any(|name| of_point.contains(name))
}

/// Checks that a delta list belongs to a complete one; says why not (RFC 5280 sections 5.2.4 and 6.3.3 (c)).
pub(super) fn fits(delta: &RevocationList, complete: &RevocationList) -> Result<(), &'static str> {
    let (of_delta, of_complete) = (delta.extensions(), complete.extensions());
    if of_delta.authority_key != of_complete.authority_key {
        return Err("is of another key than the complete list");
    }
    if !is_same(complete, of_delta.scope.as_ref(), of_complete.scope.as_ref()) {
        return Err("has another scope than the complete list");
    }
    let (Some(base), Some(number)) = (&of_delta.base, &of_complete.number) else {
        return Err("cannot be put on a list without a number");
    };
    if number < base {
        return Err("is about changes since a later list");
    }
    // Equal numbers: both were issued together and say the same (RFC 5280 section 5.2.3).
    if of_delta.number.as_ref().is_none_or(|own| own < number) {
        return Err("is older than the complete list");
    }
    Ok(())
}

fn is_same(complete: &RevocationList, delta: Option<&Scope>, base: Option<&Scope>) -> bool {
    let (Some(delta), Some(base)) = (delta, base) else { return delta.is_none() && base.is_none() };
    let is_same_point = match (&delta.name, &base.name) {
        (None, None) => true,
        (Some(one), Some(other)) => {
            let issuer = complete.issuer_name();
            let (one, other) = (one.full(issuer), other.full(issuer));
            one.iter().any(|name| other.contains(name))
        }
        _ => false,
    };
    let rest = |scope: &Scope| Scope { name: None, ..scope.clone() };
    is_same_point && rest(delta) == rest(base)
}
