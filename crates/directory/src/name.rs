//! Names of entries: those that our answers have, and those that searches start at (RFC 4514).

/// The names under which the directory is found. None of them says anything about the organisation's real tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bases(Vec<(String, String)>);

/// Where a search starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// At a base, above one, or nowhere in particular: answers are below this base.
    Base(&'a str),
    /// At the entry of an address below a base.
    Entry {
        /// The address.
        address: String,
        /// The base.
        base: &'a str,
    },
    /// Somewhere else.
    Foreign,
}

impl Bases {
    /// Takes the bases as configured; with none, each domain becomes one: `dc=acme,dc=example`.
    pub(crate) fn new(bases: &[String], domains: &[String]) -> Self {
        let of_domain = |domain: &String| {
            let labels = domain.split('.').map(|label| format!("dc={label}"));
            labels.collect::<Vec<_>>().join(",")
        };
        let texts =
            if bases.is_empty() { domains.iter().map(of_domain).collect() } else { bases.to_vec() };
        Self(texts.into_iter().map(|text| (normal(&text), text)).collect())
    }

    /// Returns the bases, the first one first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, text)| text.as_str())
    }

    /// Returns the base under which answers are that nobody asked for under another one.
    pub(crate) fn first(&self) -> &str {
        self.0.first().map_or("", |(_, text)| text)
    }

    /// Returns true if this is the name of a base, or none.
    pub(crate) fn is_base(&self, name: &str) -> bool {
        let name = normal(name);
        name.is_empty() || self.0.iter().any(|(base, _)| *base == name)
    }

    /// Returns where a search starts.
    pub(crate) fn place(&self, name: &str) -> Place<'_> {
        let name_is = normal(name);
        if name_is.is_empty() {
            return Place::Base(self.first());
        }
        for (base, text) in &self.0 {
            if *base == name_is || is_below(base, &name_is) {
                return Place::Base(text);
            }
            if !base.is_empty() && is_below(&name_is, base) {
                let entry = name_is.strip_suffix(base.as_str()).and_then(|it| it.strip_suffix(','));
                let address = entry.and_then(|entry| entry.strip_prefix("mail="));
                if let Some(address) = address.and_then(unescape) {
                    return Place::Entry { address, base: text };
                }
                // A branch that a client was told to search, such as `ou=people`.
                return Place::Base(text);
            }
        }
        Place::Foreign
    }
}

/// Returns the name of the entry of an address.
pub(crate) fn entry(address: &str, base: &str) -> String {
    let mut name = String::with_capacity(address.len() + base.len() + 8);
    name.push_str("mail=");
    for (index, character) in address.char_indices() {
        let is_outermost = index == 0 && matches!(character, ' ' | '#');
        if is_outermost || matches!(character, '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=') {
            name.push('\\');
        }
        name.push(character);
    }
    if !base.is_empty() {
        name.push(',');
        name.push_str(base);
    }
    name
}

/// Returns a name for comparing: lower case, no spaces around commas and equals signs.
pub(crate) fn normal(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    let mut is_escaped = false;
    let mut spaces = 0;
    for character in name.trim().chars() {
        if character == ' ' && !is_escaped {
            spaces += 1;
            continue;
        }
        let is_separator = matches!(character, ',' | '=' | '+') && !is_escaped;
        let is_after_one = normal.ends_with([',', '=', '+']) && !normal.ends_with("\\,");
        if !is_separator && !is_after_one {
            normal.extend(std::iter::repeat_n(' ', spaces));
        }
        spaces = 0;
        is_escaped = character == '\\' && !is_escaped;
        normal.extend(character.to_lowercase());
    }
    normal
}

fn is_below(name: &str, above: &str) -> bool {
    name.strip_suffix(above).is_some_and(|rest| rest.ends_with(',') && !rest.ends_with("\\,"))
}

/// Takes the escapes from a value; `None` if it does not end where it should.
fn unescape(value: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(value.len());
    let mut rest = value.bytes().peekable();
    while let Some(octet) = rest.next() {
        match octet {
            b'\\' => {
                let first = rest.next()?;
                let digit = |octet: u8| char::from(octet).to_digit(16);
                match (digit(first), rest.peek().copied().and_then(digit)) {
                    (Some(high), Some(low)) => {
                        rest.next();
                        octets.extend(u8::try_from(high * 16 + low).ok());
                    }
                    _ => octets.push(first),
                }
            }
            b',' | b'+' => return None,
            octet => octets.push(octet),
        }
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bases() -> Bases {
        Bases::new(&[], &["acme.example".to_owned(), "acme.test".to_owned()])
    }

    #[test]
    fn searches_start_at_a_base_above_it_or_at_an_entry() {
        let bases = bases();
        for (name, expected) in [
            ("", Place::Base("dc=acme,dc=example")),
            ("dc=acme,dc=example", Place::Base("dc=acme,dc=example")),
            ("DC=Acme , DC = example ", Place::Base("dc=acme,dc=example")),
            ("dc=acme, dc=test", Place::Base("dc=acme,dc=test")),
            ("dc=example", Place::Base("dc=acme,dc=example")),
            ("ou=people,dc=acme,dc=example", Place::Base("dc=acme,dc=example")),
            ("dc=xacme,dc=example", Place::Foreign),
            ("c=DE", Place::Foreign),
        ] {
            assert_eq!(bases.place(name), expected, "{name}");
        }
        let address = "ann+lee@acme.example".to_owned();
        let entry = Place::Entry { address, base: "dc=acme,dc=example" };
        assert_eq!(bases.place("mail=ann\\+lee@acme.example,dc=acme,dc=example"), entry);
        assert_eq!(bases.place("MAIL=ann\\2Blee@ACME.example, dc=acme, dc=example"), entry);
        let own = Bases::new(&["o=Acme, c=DE".to_owned()], &[]);
        assert_eq!(own.place("O=acme,C=de"), Place::Base("o=Acme, c=DE"));
        assert!(own.is_base("o=acme,c=de") && own.is_base("") && !own.is_base("c=de"));
    }

    proptest! {
        #[test]
        fn names_of_entries_lead_back_to_them(address in "[a-z0-9#+,=\"\\\\ .;<>]{1,20}@[a-z.]{1,9}") {
            let bases = bases();
            let name = entry(&address, bases.first());
            let Place::Entry { address: found, .. } = bases.place(&name) else { panic!("{name}") };
            // What is compared has its outermost spaces taken off.
            let squeezed = |text: &str| text.replace(' ', "");
            prop_assert_eq!(squeezed(&found), squeezed(&address));
        }

        #[test]
        fn any_name_is_placed(name in any::<String>()) {
            bases().place(&name);
        }
    }
}
