//! A graph of authorities made by a seed: meshes with bridges, cross-certificates, rollovers, and mistakes.

use crate::der::sequence;
use crate::keys;
use crate::list::{Entry, ListRecipe, Scope, distribution_points};
use crate::random::Random;
use crate::recipe::{Name, Recipe, key_id};
use crate::themes::{self, Theme};

/// A graph with a question about it.
#[derive(Clone, Debug)]
pub struct Graph {
    /// What it was made from.
    pub seed: u64,
    /// What it varies.
    pub themes: Vec<Theme>,
    /// The authorities that are trusted.
    pub anchors: Vec<Issued>,
    /// Certificates of authorities, none of them an anchor's.
    pub pool: Vec<Issued>,
    /// The certificate in question.
    pub target: Issued,
    /// Revocation lists.
    pub lists: Vec<IssuedList>,
    /// How each authority publishes what it revoked.
    pub schemes: Vec<Lists>,
    /// Every list is complete, direct and for all reasons.
    pub has_plain_lists: bool,
    /// What is asked.
    pub ask: Ask,
}

/// What is asked of a graph.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the inputs of RFC 5280 section 6.1.1")]
pub struct Ask {
    /// For signing mail; else for any purpose.
    pub is_for_mail: bool,
    /// Revocation counts, and an unknown status is none.
    pub revocation: bool,
    /// The policies that satisfy; none for any.
    pub policies: Option<Vec<&'static str>>,
    /// `initial-explicit-policy`.
    pub explicit: bool,
    /// `initial-policy-mapping-inhibit`.
    pub inhibit_mapping: bool,
    /// `initial-any-policy-inhibit`.
    pub inhibit_any: bool,
}

/// A certificate with what it was made from.
#[derive(Clone, Debug)]
pub struct Issued {
    /// What it says.
    pub recipe: Recipe,
    /// The number of the authority that issued it.
    pub by: usize,
    /// The number of its key.
    pub key: usize,
    /// The number of the key that signed it.
    pub signer: usize,
    /// The certificate.
    pub der: Vec<u8>,
}

/// A revocation list with what it was made from.
#[derive(Clone, Debug)]
pub struct IssuedList {
    /// What it says.
    pub recipe: ListRecipe,
    /// The number of the authority whose certificates it lists.
    pub about: usize,
    /// The number of the key that signed it.
    pub signer: usize,
    /// The list.
    pub der: Vec<u8>,
}

/// An authority: a name and the keys that it has had.
#[derive(Clone, Debug)]
pub(crate) struct Party {
    pub(crate) name: Name,
    pub(crate) keys: Vec<usize>,
    pub(crate) lists: Lists,
}

/// How an authority publishes what it revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// A complete list.
    Complete,
    /// A complete list and changes to it.
    Delta,
    /// A list that another key signed.
    Forged,
    /// A list of somebody else.
    Indirect,
    /// None.
    Missing,
    /// Two lists, each for some of the certificates.
    Partitioned,
    /// Two lists, each for some of the reasons.
    Reasons,
    /// Two lists, one for authorities and one for others.
    Scoped,
    /// A list that is too old.
    Stale,
}

/// A certificate before it is written.
struct Draft {
    recipe: Recipe,
    key: usize,
    signer: usize,
    issuer: usize,
    is_revoked: bool,
}

/// Makes the graph of a seed.
pub fn generate(seed: u64) -> Graph {
    let mut random = Random::new(seed);
    let themes = themes::choose(&mut random);
    let has = |theme| themes.contains(&theme);
    let mut parties = parties(&mut random, &themes);
    let roots = if random.percent(20) { 2 } else { 1 };
    let mut drafts = edges(&mut random, &parties, roots, has(Theme::Rollover));
    let target = target(&mut random, &parties, drafts.len());
    drafts.push(target);
    for draft in &mut drafts {
        let is_target = draft.recipe.basic.is_none();
        themes::decorate(&mut random, &themes, &mut draft.recipe, is_target);
        if has(Theme::Signatures) && random.percent(10) {
            draft.signer = random.below(40);
        }
        draft.is_revoked = has(Theme::Revocation) && random.percent(8);
    }
    if !has(Theme::Revocation) {
        for party in &mut parties {
            party.lists = Lists::Missing;
        }
    }
    for draft in &mut drafts {
        point_to_lists(draft, &parties);
    }
    let has_plain_lists = parties.iter().all(|party| {
        matches!(party.lists, Lists::Complete | Lists::Forged | Lists::Missing | Lists::Stale)
    });
    let lists = parties.iter().enumerate().flat_map(|(issuer, _)| lists(&parties, issuer, &drafts));
    let lists = lists.collect();
    let schemes = parties.iter().map(|party| party.lists).collect();
    let ask = themes::ask(&mut random, &themes);
    let mut pool: Vec<Issued> = drafts.into_iter().map(Draft::write).collect();
    #[expect(clippy::expect_used, reason = "it was pushed above")]
    let target = pool.pop().expect("a target");
    let anchors = (0..roots).map(|root| anchor(&mut random, &parties, root, &themes)).collect();
    Graph { seed, themes, anchors, pool, target, lists, schemes, has_plain_lists, ask }
}

fn parties(random: &mut Random, themes: &[Theme]) -> Vec<Party> {
    let count = 3 + random.below(5);
    let mut parties: Vec<Party> = Vec::new();
    for number in 0..count {
        let mut name = authority_name(number);
        if themes.contains(&Theme::Twins)
            && random.percent(25)
            && let Some(other) = random.pick(&parties)
        {
            name = other.name;
        }
        let mut keys = vec![number];
        if themes.contains(&Theme::Rollover) && random.percent(40) {
            keys.push(number + 20);
        }
        let lists = match random.below(100) {
            0..50 => Lists::Complete,
            50..54 => Lists::Stale,
            54..57 => Lists::Missing,
            57..60 => Lists::Forged,
            60..72 => Lists::Delta,
            72..80 => Lists::Reasons,
            80..88 => Lists::Scoped,
            88..94 => Lists::Partitioned,
            _ => Lists::Indirect,
        };
        parties.push(Party { name, keys, lists });
    }
    parties
}

/// Every authority is reached from a root, and further certificates go in any direction.
fn edges(random: &mut Random, parties: &[Party], roots: usize, has_rollover: bool) -> Vec<Draft> {
    let mut drafts = Vec::new();
    let add = |random: &mut Random, drafts: &mut Vec<Draft>, issuer: usize, subject: usize| {
        let (Some(by), Some(of)) = (parties.get(issuer), parties.get(subject)) else { return };
        let (Some(signer), Some(key)) = (random.pick(&by.keys), random.pick(&of.keys)) else {
            return;
        };
        drafts.push(draft(&by.name, &of.name, key, signer, issuer, drafts.len()));
    };
    for subject in roots..parties.len() {
        let issuer = random.below(subject);
        add(random, &mut drafts, issuer, subject);
    }
    for _ in 0..random.below(parties.len() + 3) {
        let (issuer, subject) = (random.below(parties.len()), random.below(parties.len()));
        if issuer != subject {
            add(random, &mut drafts, issuer, subject);
        }
    }
    for (number, party) in parties.iter().enumerate().filter(|_| has_rollover) {
        if let [old, new] = party.keys.as_slice() {
            for (key, signer) in [(*new, *old), (*old, *new)] {
                if random.percent(80) {
                    let place = drafts.len();
                    drafts.push(draft(&party.name, &party.name, key, signer, number, place));
                }
            }
        }
    }
    drafts
}

fn draft(
    issuer_name: &Name,
    subject: &Name,
    key: usize,
    signer: usize,
    issuer: usize,
    place: usize,
) -> Draft {
    let recipe = Recipe {
        serial: 100 + place as u64,
        issuer: issuer_name.clone(),
        subject: subject.clone(),
        valid: (AT - 365 * DAY, AT + 365 * DAY),
        basic: Some((true, None)),
        usage: Some(CERT_SIGN | CRL_SIGN),
        key_ids: (Some(key_id(keys::key(key))), Some(key_id(keys::key(signer)))),
        ..Recipe::default()
    };
    Draft { recipe, key, signer, issuer, is_revoked: false }
}

fn target(random: &mut Random, parties: &[Party], place: usize) -> Draft {
    let issuer = parties.len() - 1 - random.below(2);
    let name = vec![("2.5.4.10", format!("Org {}", random.below(4))), ("2.5.4.3", "User".into())];
    let empty = Party { name: Vec::new(), keys: vec![0], lists: Lists::Missing };
    let by = parties.get(issuer).unwrap_or(&empty);
    let signer = random.pick(&by.keys).unwrap_or(0);
    let mut draft = draft(&by.name, &name, 50, signer, issuer, place);
    draft.recipe.basic = None;
    draft.recipe.usage = Some(DIGITAL_SIGNATURE);
    draft.recipe.names = vec![crate::recipe::GeneralName::Email("user@a.example".into())];
    draft
}

fn anchor(random: &mut Random, parties: &[Party], root: usize, themes: &[Theme]) -> Issued {
    let empty = Party { name: Vec::new(), keys: vec![0], lists: Lists::Missing };
    let party = parties.get(root).unwrap_or(&empty);
    let key = random.pick(&party.keys).unwrap_or(0);
    let mut draft = draft(&party.name, &party.name, key, key, root, 900 + root);
    if random.percent(20) {
        // What an anchor's certificate says counts too (RFC 5937), but not what it says of policies to everybody.
        let limits: Vec<Theme> =
            themes.iter().copied().filter(|theme| *theme != Theme::Policies).collect();
        themes::decorate(random, &limits, &mut draft.recipe, false);
    }
    draft.write()
}

impl Draft {
    fn write(self) -> Issued {
        let der = self.recipe.write(keys::key(self.key), keys::key(self.signer));
        Issued { recipe: self.recipe, by: self.issuer, key: self.key, signer: self.signer, der }
    }
}

/// Gives a certificate the distribution points that its issuer's way of publishing needs.
fn point_to_lists(draft: &mut Draft, parties: &[Party]) {
    let uri = |what: &str| Some(format!("http://crl.example/{}/{what}", draft.issuer));
    let points = match parties.get(draft.issuer).map(|party| party.lists) {
        Some(Lists::Partitioned) => {
            vec![(uri(&format!("{}", draft.recipe.serial % 2)), None, None)]
        }
        Some(Lists::Reasons) => {
            vec![(uri("a"), Some(SOME_REASONS), None), (uri("b"), Some(OTHER_REASONS), None)]
        }
        Some(Lists::Indirect) => {
            vec![(uri("i"), None, Some(indirect_issuer(parties, draft.issuer).name.clone()))]
        }
        _ => return,
    };
    draft.recipe.distribution_points = Some(distribution_points(&points));
}

/// Another authority publishes for this one: the first root, or the second for the first.
fn indirect_issuer(parties: &[Party], issuer: usize) -> &Party {
    &parties[usize::from(issuer == 0)]
}

/// Writes the lists of an authority, one of each for each of its keys.
fn lists(parties: &[Party], issuer: usize, drafts: &[Draft]) -> Vec<IssuedList> {
    let party = &parties[issuer];
    let is_indirect = party.lists == Lists::Indirect;
    let by = if is_indirect { indirect_issuer(parties, issuer) } else { party };
    let revoked = |wanted: &dyn Fn(&Draft) -> bool, reason: Option<u8>| {
        let those = drafts.iter().filter(|it| it.is_revoked && it.issuer == issuer && wanted(it));
        let entry = |draft: &Draft| Entry {
            serial: draft.recipe.serial,
            since: AT - 10 * DAY,
            reason,
            issuer: is_indirect.then(|| party.name.clone()),
        };
        those.map(entry).collect::<Vec<_>>()
    };
    let every = |_: &Draft| true;
    let complete = ListRecipe {
        issuer: by.name.clone(),
        this_update: AT - DAY,
        next_update: AT + DAY,
        entries: revoked(&every, None),
        number: 7,
        ..ListRecipe::default()
    };
    let uri = |what: &str| Some(format!("http://crl.example/{issuer}/{what}"));
    let scoped = |scope: Scope, entries: Vec<Entry>| ListRecipe {
        scope: Some(scope),
        entries,
        ..complete.clone()
    };
    let is_target = |draft: &Draft| draft.recipe.basic.is_none_or(|(is_ca, _)| !is_ca);
    let recipes = match party.lists {
        Lists::Missing => Vec::new(),
        Lists::Complete | Lists::Forged => vec![complete],
        Lists::Stale => vec![ListRecipe { next_update: AT - DAY / 2, ..complete }],
        Lists::Delta => {
            // Every third was on hold, and the changes say that it no longer is.
            let is_released = |it: &Draft| it.recipe.serial.is_multiple_of(3);
            let is_listed = |it: &Draft| it.recipe.serial.is_multiple_of(2) && !is_released(it);
            let base = [revoked(&is_listed, None), revoked(&is_released, Some(HOLD))];
            let changes = [
                revoked(&|it| !is_released(it), None),
                revoked(&is_released, Some(REMOVE_FROM_CRL)),
            ];
            let old = ListRecipe {
                entries: base.concat(),
                // OpenSSL looks for changes only where a list says that there are some.
                freshest: uri("changes"),
                ..complete.clone()
            };
            let this_update = AT - DAY / 2;
            let entries = changes.concat();
            vec![old, ListRecipe { number: 9, base: Some(7), this_update, entries, ..complete }]
        }
        Lists::Reasons => vec![
            scoped(
                Scope { uri: uri("a"), reasons: Some(SOME_REASONS), ..Scope::default() },
                revoked(&|it| it.recipe.serial % 2 == 0, Some(1)),
            ),
            scoped(
                Scope { uri: uri("b"), reasons: Some(OTHER_REASONS), ..Scope::default() },
                revoked(&|it| it.recipe.serial % 2 == 1, Some(4)),
            ),
        ],
        Lists::Scoped => vec![
            scoped(Scope { only_users: true, ..Scope::default() }, revoked(&is_target, None)),
            scoped(
                Scope { only_authorities: true, ..Scope::default() },
                revoked(&|it| !is_target(it), None),
            ),
        ],
        Lists::Partitioned => (0..2)
            .map(|part| {
                let scope = Scope { uri: uri(&part.to_string()), ..Scope::default() };
                scoped(scope, revoked(&|it| it.recipe.serial % 2 == part, None))
            })
            .collect(),
        Lists::Indirect => vec![scoped(
            Scope { uri: uri("i"), is_indirect: true, ..Scope::default() },
            revoked(&every, None),
        )],
    };
    let mut lists = Vec::new();
    for recipe in recipes {
        for key in &by.keys {
            let signer = if party.lists == Lists::Forged { 45 } else { *key };
            let key_id = Some(key_id(keys::key(*key)));
            let recipe = ListRecipe { key_id, ..recipe.clone() };
            let der = recipe.write(keys::key(signer));
            lists.push(IssuedList { recipe, about: issuer, signer, der });
        }
    }
    lists
}

/// The name of an authority.
pub fn authority_name(number: usize) -> Name {
    vec![("2.5.4.10", format!("Org {number}")), ("2.5.4.3", format!("CA {number}"))]
}

/// An extension that nobody knows.
pub fn unknown_extension() -> (&'static str, bool, Vec<u8>) {
    ("1.3.6.1.4.1.99999.1", true, sequence(&[]))
}

/// 2026-06-01 12:00 UTC.
pub const AT: i64 = 1_780_315_200;
/// Seconds of a day.
pub const DAY: i64 = 86_400;
/// `digitalSignature`.
pub const DIGITAL_SIGNATURE: u16 = 1;
/// `keyEncipherment`.
pub const KEY_ENCIPHERMENT: u16 = 1 << 2;
/// `keyCertSign`.
pub const CERT_SIGN: u16 = 1 << 5;
/// `cRLSign`.
pub const CRL_SIGN: u16 = 1 << 6;
/// `certificateHold` of an entry.
const HOLD: u8 = 6;
/// `removeFromCRL` of an entry.
const REMOVE_FROM_CRL: u8 = 8;
/// `keyCompromise` and `cACompromise`.
const SOME_REASONS: u16 = 0b110;
/// All other reasons.
const OTHER_REASONS: u16 = 0b1_1111_1000;
