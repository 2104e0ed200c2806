//! What a chain must be like for a disagreement to be explained.

use crate::compare::Case;
use crate::graph::{AT, IssuedList, Lists};
use crate::policies::{self, Habit};
use crate::recipe::{GeneralName, Recipe};
use crate::themes::{ANY_POLICY, ANY_USAGE};

pub(super) fn says(case: &Case<'_>, what: &str) -> bool {
    case.theirs == what || case.theirs == format!("PathValidation({what})")
}

pub(super) fn some(case: &Case<'_>, is_so: impl Fn(&Recipe) -> bool) -> bool {
    case.chain.iter().any(|it| is_so(&it.recipe))
}

/// Returns the authorities below the anchor.
pub(super) fn authorities<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Recipe> {
    let between = case.chain.get(1..case.chain.len() - 1).unwrap_or_default();
    between.iter().map(|it| &it.recipe)
}

pub(super) fn trees<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a GeneralName> {
    case.chain.iter().flat_map(|it| it.recipe.permitted.iter().chain(&it.recipe.excluded))
}

/// Returns true if nothing but some of these rules is broken.
pub(super) fn breaks_only(case: &Case<'_>, rules: &[&str]) -> bool {
    case.ours.broken.iter().all(|rule| rules.contains(rule))
}

pub(super) fn is_dotted(tree: &GeneralName) -> bool {
    matches!(tree, GeneralName::Dns(name) if name.starts_with('.'))
}

/// Returns true if the target has the very domain of a tree with a leading dot.
pub(super) fn names(case: &Case<'_>, tree: &GeneralName) -> bool {
    let GeneralName::Dns(tree) = tree else { return false };
    let names = &case.graph.target.recipe.names;
    names.iter().any(|name| *name == GeneralName::Dns(tree.trim_start_matches('.').to_owned()))
}

/// Returns true if the target has a host below the domain of a tree with a leading dot.
pub(super) fn names_below(case: &Case<'_>, tree: &GeneralName) -> bool {
    let GeneralName::Dns(tree) = tree else { return false };
    let is_below = |it: &GeneralName| matches!(it, GeneralName::Dns(name) if name.ends_with(tree));
    case.graph.target.recipe.names.iter().any(is_below)
}

pub(super) fn has_upn(case: &Case<'_>) -> bool {
    trees(case).any(|tree| matches!(tree, GeneralName::Upn(_)))
}

pub(super) fn allows_any(recipe: &Recipe) -> bool {
    recipe.extended_usage == [ANY_USAGE]
}

/// Returns what the certificates of a chain were made from, the anchor's first.
pub(super) fn recipes<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Recipe> {
    case.chain.iter().map(|it| &it.recipe)
}

pub(super) fn maps_any(recipe: &Recipe) -> bool {
    recipe.mappings.iter().any(|(from, to)| *from == ANY_POLICY || *to == ANY_POLICY)
}

/// Returns true if what the other says of the policies is just what comes of its habits, and of nothing else.
pub(super) fn comes_of(case: &Case<'_>, habits: &[Habit]) -> bool {
    policies::hold(case, habits) == case.theirs.is_empty()
        && policies::hold(case, &[]) != case.theirs.is_empty()
}

/// Returns true if of two current complete lists of different keys that are about a certificate one names it.
pub(super) fn lists_differ(case: &Case<'_>) -> bool {
    let below = recipes(case).skip(1);
    below.into_iter().any(|it| {
        let lists = &case.graph.lists;
        lists.iter().filter(|list| names_it(list, it)).any(|list| {
            let others = lists.iter().filter(|other| other.signer != list.signer);
            others.filter(|other| is_complete(other, it)).any(|other| !names_it(other, it))
        })
    })
}

/// Returns true if a list names a certificate.
fn names_it(list: &IssuedList, recipe: &Recipe) -> bool {
    let mut entries = list.recipe.entries.iter();
    entries.any(|entry| {
        let issuer = entry.issuer.as_ref().unwrap_or(&list.recipe.issuer);
        entry.serial == recipe.serial && *issuer == recipe.issuer
    })
}

/// Returns true if a list is current, complete, and about all certificates like this one of its issuer.
fn is_complete(list: &IssuedList, recipe: &Recipe) -> bool {
    let is_ca = recipe.basic.is_some_and(|(is_ca, _)| is_ca);
    let is_current = list.recipe.base.is_none() && list.recipe.next_update >= AT;
    let is_about = list.recipe.scope.as_ref().is_none_or(|scope| {
        let is_of_others = if is_ca { scope.only_users } else { scope.only_authorities };
        !is_of_others && scope.uri.is_none()
    });
    list.recipe.issuer == recipe.issuer && is_current && is_about
}

/// Returns true if a certificate may be listed with its own key, or by somebody whose certificate others list as well.
pub(super) fn lists_itself(case: &Case<'_>) -> bool {
    let is_indirect = |by: usize| case.graph.schemes.get(by) == Some(&Lists::Indirect);
    case.chain.iter().skip(1).any(|it| {
        case.graph.lists.iter().any(|list| {
            let is_own = list.signer == it.key && list.recipe.issuer == it.recipe.issuer;
            let mut listers =
                case.chain.iter().skip(1).filter(|by| by.recipe.subject == list.recipe.issuer);
            let is_of_another = list.about == it.by && is_indirect(it.by);
            is_own || is_of_another && listers.any(|lister| is_indirect(lister.by))
        })
    })
}

/// Returns true if another key than that of an issuer on the chain signed a list of its name, and no key identifier says so.
pub(super) fn may_confuse_lists(case: &Case<'_>) -> bool {
    case.chain.windows(2).any(|pair| {
        let [issuer, _] = pair else { return false };
        let named = case.graph.lists.iter().filter(|it| it.recipe.issuer == issuer.recipe.subject);
        named.filter(|list| list.signer != issuer.key).any(|list| {
            let own = &issuer.recipe.key_ids.0;
            own.is_none() || *own == list.recipe.key_id
        })
    })
}

/// Returns true if a certificate has a current list of its issuer's name, but none by the key that signed it.
pub(super) fn has_lists_by_others_only(case: &Case<'_>) -> bool {
    case.chain.iter().skip(1).any(|it| {
        let lists = case.graph.lists.iter().filter(|list| is_complete(list, &it.recipe));
        let by_own = lists.clone().any(|list| list.signer == it.signer);
        !by_own && lists.count() > 0
    })
}
