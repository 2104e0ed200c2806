//! Tests of the search through lists: authorities, certificates and lists are made here, each with what the case needs.

mod lists;
mod make;
mod responses;
mod scopes;
mod several;

use crate::revocation::{Answer, Evidence, IssuerOnly, Question, Rule, Settings, Signers, status};

use make::{AT, Authority};

/// Asks for the first certificate of the authority with these lists.
fn ask(authority: &Authority, lists: &[&make::List]) -> Answer {
    ask_with(authority, lists, &Settings::default(), AT, &mut IssuerOnly)
}

fn ask_with(
    authority: &Authority,
    lists: &[&make::List],
    settings: &Settings,
    at: i64,
    signers: &mut dyn Signers,
) -> Answer {
    let mut evidence = Evidence::new();
    evidence.extend(lists.iter().map(|list| list.read()));
    let question = Question {
        certificate: &authority.user(&[]),
        issuer: &authority.certificate,
        evidence: &evidence,
        settings,
        at,
    };
    status(&question, signers)
}

impl Answer {
    fn fails(&self, rule: Rule) -> bool {
        self.steps.iter().any(|step| step.rule == rule && !step.holds)
    }
}
