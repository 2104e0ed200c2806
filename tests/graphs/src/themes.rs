//! What a graph varies: one or two things at a time, so that one mistake does not hide another.

use crate::graph::{
    AT, Ask, CERT_SIGN, CRL_SIGN, DAY, DIGITAL_SIGNATURE, KEY_ENCIPHERMENT, unknown_extension,
};
use crate::random::Random;
use crate::recipe::{GeneralName, Recipe};

/// One thing that varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Path length constraints.
    Lengths,
    /// Name constraints of every form.
    Names,
    /// Policies, mappings and their constraints.
    Policies,
    /// Lists of every kind.
    Revocation,
    /// Authorities with two keys.
    Rollover,
    /// Signatures by other keys.
    Signatures,
    /// Validities.
    Time,
    /// Authorities with the name of another one.
    Twins,
    /// Key usages, extended ones, basic constraints, unknown extensions.
    Usages,
}

/// Each theme with how often it is chosen, in percent.
const THEMES: &[(Theme, usize)] = &[
    (Theme::Lengths, 22),
    (Theme::Names, 30),
    (Theme::Policies, 35),
    (Theme::Revocation, 22),
    (Theme::Rollover, 35),
    (Theme::Signatures, 12),
    (Theme::Time, 12),
    (Theme::Twins, 12),
    (Theme::Usages, 22),
];

/// Chooses the themes of a graph.
pub fn choose(random: &mut Random) -> Vec<Theme> {
    let chosen = THEMES.iter().filter(|(_, percent)| random.percent(*percent));
    chosen.map(|(theme, _)| *theme).take(4).collect()
}

/// Chooses what is asked.
pub fn ask(random: &mut Random, themes: &[Theme]) -> Ask {
    let has = |theme| themes.contains(&theme);
    let mut ask = Ask {
        is_for_mail: has(Theme::Usages),
        revocation: has(Theme::Revocation),
        ..Ask::default()
    };
    if has(Theme::Policies) {
        ask.explicit = random.percent(40);
        ask.inhibit_mapping = random.percent(15);
        ask.inhibit_any = random.percent(15);
        ask.policies = random.percent(50).then(|| some(random, POLICIES, 45));
        if ask.policies.as_ref().is_some_and(Vec::is_empty) {
            ask.policies = None;
        }
    }
    ask
}

/// Changes a certificate as the themes have it.
pub fn decorate(random: &mut Random, themes: &[Theme], recipe: &mut Recipe, is_target: bool) {
    for theme in themes {
        match theme {
            Theme::Lengths if !is_target && random.percent(35) => {
                recipe.basic = Some((true, Some(random.below(4) as u64)));
            }
            Theme::Names => names(random, recipe, is_target),
            Theme::Policies => policies(random, recipe, is_target),
            Theme::Time => time(random, recipe),
            Theme::Usages => usages(random, recipe, is_target),
            _ => {}
        }
    }
    // RFC 5280 section 4.2.1.1: identifiers of keys help to choose and decide nothing.
    match random.below(100) {
        0..6 => recipe.key_ids.0 = None,
        6..12 => recipe.key_ids.1 = None,
        _ => {}
    }
}

fn names(random: &mut Random, recipe: &mut Recipe, is_target: bool) {
    if is_target {
        recipe.names = some(random, &all_names(), 18);
        if recipe.names.is_empty() {
            recipe.names = random.pick(&all_names()).into_iter().collect();
        }
        if random.percent(10) {
            recipe.subject.push(("1.2.840.113549.1.9.1", "user@b.example".into()));
        }
        return;
    }
    if random.percent(35) {
        let trees = all_trees();
        recipe.permitted = if random.percent(60) { some(random, &trees, 15) } else { Vec::new() };
        recipe.excluded = if random.percent(50) { some(random, &trees, 8) } else { Vec::new() };
    }
}

/// Names that a target may have.
fn all_names() -> Vec<GeneralName> {
    use GeneralName::{Directory, Dns, Email, Ip, Upn, Uri};
    let organisation = |name: &str| vec![("2.5.4.10", name.to_owned())];
    vec![
        Email("user@a.example".into()),
        Email("User@www.a.example".into()),
        Email("user@B.example".into()),
        Dns("a.example".into()),
        Dns("www.a.example".into()),
        Dns("b.example".into()),
        Dns("nota.example".into()),
        Uri("https://a.example/x".into()),
        Uri("https://www.a.example:8443/".into()),
        Uri("ldap://b.example/cn=x".into()),
        Ip(vec![192, 0, 2, 7]),
        Ip(vec![10, 1, 2, 3]),
        Ip([vec![0x20, 1, 0xd, 0xb8], vec![0; 11], vec![1]].concat()),
        Upn("user@a.example".into()),
        Directory(organisation("Org 1")),
        Directory([organisation("Org 2"), vec![("2.5.4.3", "x".into())]].concat()),
    ]
}

/// Trees that an authority may be held to.
fn all_trees() -> Vec<GeneralName> {
    use GeneralName::{Directory, Dns, Email, Ip, Upn, Uri};
    let organisation = |name: &str| vec![("2.5.4.10", name.to_owned())];
    vec![
        Email("a.example".into()),
        Email(".a.example".into()),
        Email("user@a.example".into()),
        Email("b.example".into()),
        Dns("a.example".into()),
        Dns(".a.example".into()),
        Dns("example".into()),
        Dns("b.example".into()),
        Uri("a.example".into()),
        Uri(".a.example".into()),
        Uri("b.example".into()),
        Ip(vec![192, 0, 2, 0, 255, 255, 255, 0]),
        Ip(vec![10, 0, 0, 0, 255, 0, 0, 0]),
        Ip([vec![0x20, 1, 0xd, 0xb8], vec![0; 12], vec![0xff; 4], vec![0; 12]].concat()),
        Upn("a.example".into()),
        Directory(organisation("Org 1")),
        Directory(organisation("org  2")),
    ]
}

fn policies(random: &mut Random, recipe: &mut Recipe, is_target: bool) {
    if random.percent(88) {
        let mut policies = some(random, POLICIES, 45);
        if random.percent(35) {
            policies.push(ANY_POLICY);
        }
        if policies.is_empty() {
            policies.push(ANY_POLICY);
        }
        recipe.policies = Some(policies);
    }
    if is_target {
        return;
    }
    if random.percent(30) {
        for _ in 0..=random.below(3) {
            let pair = (random.pick(POLICIES), random.pick(POLICIES));
            if let (Some(from), Some(to)) = pair {
                recipe.mappings.push((from, to));
            }
        }
        if random.percent(3) {
            recipe.mappings.push((ANY_POLICY, "1.3.6.1.4.1.99999.2.1"));
        }
    }
    let mut counter = |percent| random.percent(percent).then(|| random.below(3) as u64);
    recipe.require_explicit = counter(18);
    recipe.inhibit_mapping = counter(12);
    recipe.inhibit_any = counter(12);
}

fn time(random: &mut Random, recipe: &mut Recipe) {
    recipe.valid = match random.below(100) {
        0..8 => (AT - 300 * DAY, AT - DAY),
        8..14 => (AT + DAY, AT + 300 * DAY),
        14..24 => (AT, AT + DAY),
        24..34 => (AT - DAY, AT),
        34..44 => (-2 * 365 * DAY, 40_000 * DAY),
        _ => recipe.valid,
    };
}

fn usages(random: &mut Random, recipe: &mut Recipe, is_target: bool) {
    if random.percent(25) {
        recipe.extended_usage = random
            .pick(&[vec![EMAIL], vec![ANY_USAGE], vec![SERVER], vec![EMAIL, SERVER]])
            .unwrap_or_default();
    }
    if random.percent(3) {
        recipe.others.push(unknown_extension());
    }
    let dice = random.below(100);
    if is_target {
        recipe.usage = match dice {
            0..10 => None,
            10..20 => Some(KEY_ENCIPHERMENT),
            20..40 => Some(DIGITAL_SIGNATURE | KEY_ENCIPHERMENT),
            _ => recipe.usage,
        };
        return;
    }
    match dice {
        0..10 => recipe.usage = None,
        10..18 => recipe.usage = Some(CRL_SIGN),
        18..26 => recipe.usage = Some(CERT_SIGN),
        26..31 => recipe.basic = None,
        31..36 => recipe.basic = Some((false, None)),
        _ => {}
    }
}

fn some<T: Clone>(random: &mut Random, from: &[T], percent: usize) -> Vec<T> {
    from.iter().filter(|_| random.percent(percent)).cloned().collect()
}

/// `anyPolicy`.
pub const ANY_POLICY: &str = "2.5.29.32.0";
const POLICIES: &[&str] = &[
    "1.3.6.1.4.1.99999.2.1",
    "1.3.6.1.4.1.99999.2.2",
    "1.3.6.1.4.1.99999.2.3",
    "1.3.6.1.4.1.99999.2.4",
];
/// `id-kp-emailProtection`.
pub const EMAIL: &str = "1.3.6.1.5.5.7.3.4";
/// `anyExtendedKeyUsage`.
pub const ANY_USAGE: &str = "2.5.29.37.0";
const SERVER: &str = "1.3.6.1.5.5.7.3.1";
