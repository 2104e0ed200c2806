//! Filters with places for a mail address, as a configuration has them.

use crate::ldap::{Error, Filter};

/// A filter in text (RFC 4515) in which `{address}`, `{local}` and `{domain}` stand for parts of a mail address.
///
/// ```
/// use chancery_wire::ldap::{Filter, Template};
///
/// let template = Template::parse("(|(mail={address})(proxyAddresses=smtp:{address}))")?;
/// let filter = template.fill("a*b", "acme.example")?;
/// assert_eq!(filter, Filter::parse("(|(mail=a\\2ab@acme.example)(proxyAddresses=smtp:a\\2ab@acme.example))")?);
/// # Ok::<(), chancery_wire::ldap::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(String);

impl Template {
    /// Reads a template; the local part must stand in it, else it would be about everybody.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let flaw = |what, offset| Error::Text { of: "filter", what, offset };
        let template = Self(text.to_owned());
        // What is left of braces after the known ones are filled is a mistake in their name.
        let sample = template.text("a", "b.example");
        if let Some(offset) = sample.find(['{', '}']) {
            return Err(flaw(
                "something else than {address}, {local} or {domain} is in braces",
                offset,
            ));
        }
        if !text.contains("{address}") && !text.contains("{local}") {
            return Err(flaw("neither {address} nor {local} is", 0));
        }
        template.fill("a", "b.example")?;
        Ok(template)
    }

    /// Makes the filter for an address; what it has of signs that filters are written with stays text.
    pub fn fill(&self, local: &str, domain: &str) -> Result<Filter, Error> {
        Filter::parse(&self.text(local, domain))
    }

    fn text(&self, local: &str, domain: &str) -> String {
        let (local, domain) = (escape(local), escape(domain));
        // What was filled in is not looked at again.
        let mut text = String::new();
        let mut rest = self.0.as_str();
        while let Some(at) = rest.find('{') {
            let (before, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
            text.push_str(before);
            let places = [
                ("{address}", format!("{local}@{domain}")),
                ("{local}", local.clone()),
                ("{domain}", domain.clone()),
            ];
            let place = places.iter().find_map(|(place, value)| {
                after.strip_prefix(place).map(|after| (after, value.as_str()))
            });
            let (after, value) = place.unwrap_or((after.get(1..).unwrap_or_default(), "{"));
            text.push_str(value);
            rest = after;
        }
        text + rest
    }
}

/// Writes what filters are written with, and what is not ASCII, as a backslash and two digits (RFC 4515 section 3).
fn escape(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut all, octet| {
        match octet {
            b'*' | b'(' | b')' | b'\\' | b'{' | b'}' | 0..=0x1f | 0x7f.. => {
                all.push_str(&format!("\\{octet:02x}"));
            }
            _ => all.push(char::from(octet)),
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn templates_without_a_person_or_with_unknown_places_are_refused() {
        for bad in [
            "(mail=x)",
            "(mail=*@{domain})",
            "(mail={adress})",
            "(mail={address}",
            "({address}=x)",
            "(mail={address)",
            "(mail=address})",
            "",
        ] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn an_address_never_changes_the_form_of_a_filter(local in ".{1,30}", special in "[*()\\\\{}\0a-z|&!=]{1,20}") {
            let template = Template::parse("(&(a=1)(mail={address})(|(uid={local})(dc={domain})))").unwrap();
            for local in [local, special] {
                let filter = template.fill(&local, "acme.example").unwrap();
                let address = format!("{local}@acme.example");
                let expected = [
                    Filter::equal("mail", address.as_bytes()),
                    Filter::equal("uid", local.as_bytes()),
                    Filter::equal("dc", b"acme.example"),
                ];
                for part in expected {
                    let part = part.ber();
                    prop_assert!(filter.ber().windows(part.len()).any(|it| it == part), "{local:?}");
                }
                let plain = template.fill("x", "acme.example").unwrap().ber().len();
                prop_assert!(filter.ber().len() >= plain && filter.ber()[0] == 0xa0);
            }
        }
    }
}
