//! Random events on a real database: each recipient stays in exactly one state, and it is the one of the pure table.

use std::collections::BTreeMap;

use chancery_store::queue::state::next;
use chancery_store::{
    ChildBody, Error, Event, Held, Made, MessageId, Outcome, Planned, QueueFilter, RecipientId,
    Refused, Selection, Stage, State, Store, Work,
};
use proptest::prelude::*;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::support::*;

/// One thing that happens. Numbers choose among what is there.
#[derive(Clone, Debug)]
enum Step {
    Accept(usize),
    /// How many recipients, and their plan, in one commit.
    AcceptPlanned(usize, Vec<Fate>, u8),
    /// The message, what happens to each of its recipients, whether children share the body.
    Plan(usize, Vec<Fate>, u8),
    /// The carrier, what happens to each of its recipients.
    Settle(usize, Vec<Event>),
    Act(Event, Vec<usize>),
    ActOnMessage(Event, usize),
    Reopen,
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Child(bool),
    Other(Event),
    Stay,
}

/// What should be.
struct Model {
    runtime: Runtime,
    directory: TempDir,
    store: Option<Store>,
    messages: Vec<MessageId>,
    carriers: Vec<MessageId>,
    /// Whose body a message has.
    owners: BTreeMap<MessageId, MessageId>,
    recipients: BTreeMap<RecipientId, Expected>,
}

#[derive(Clone, Copy, Debug)]
struct Expected {
    message: MessageId,
    carrier: Option<MessageId>,
    state: State,
}

impl Model {
    fn new() -> Self {
        let (directory, store) = fresh();
        Self {
            runtime: Builder::new_current_thread().build().unwrap(),
            directory,
            store: Some(store),
            messages: Vec::new(),
            carriers: Vec::new(),
            owners: BTreeMap::new(),
            recipients: BTreeMap::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Accept(count) => self.accept(*count),
            Step::AcceptPlanned(count, fates, shape) => self.accept_planned(*count, fates, *shape),
            Step::Plan(message, fates, shape) => {
                if let Some(message) = pick(&self.messages, *message) {
                    self.plan(message, fates, *shape);
                }
            }
            Step::Settle(carrier, events) => {
                let all: Vec<MessageId> =
                    self.carriers.iter().chain(&self.messages).copied().collect();
                if let Some(carrier) = pick(&all, *carrier) {
                    self.settle(carrier, events);
                }
            }
            Step::Act(event, chosen) => {
                let all: Vec<RecipientId> = self.recipients.keys().copied().collect();
                let chosen: Vec<RecipientId> =
                    chosen.iter().filter_map(|n| pick(&all, *n)).collect();
                self.act(*event, Selection::Recipients(chosen.clone()), &chosen);
            }
            Step::ActOnMessage(event, message) => {
                let all: Vec<MessageId> =
                    self.carriers.iter().chain(&self.messages).copied().collect();
                if let Some(message) = pick(&all, *message) {
                    let mut chosen = self.of_carrier(message);
                    if self.messages.contains(&message) {
                        chosen = self.of_message(message);
                    }
                    self.act(*event, Selection::Messages(vec![message]), &chosen);
                }
            }
            Step::Reopen => {
                self.store = None;
                let store = open(self.directory.path());
                drop(store.serve_lock().unwrap());
                self.store = Some(store);
            }
        }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn accept(&mut self, count: usize) {
        let addresses: Vec<String> = (0..count).map(|n| format!("user{n}@x.example")).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let (id, recipients) = self.runtime.block_on(accept(self.store(), &addresses, b"original"));
        assert_eq!(recipients.len(), count);
        self.messages.push(id);
        self.owners.insert(id, id);
        for recipient in recipients {
            let state = State::Queued(Stage::Plan);
            self.recipients.insert(recipient, Expected { message: id, carrier: None, state });
        }
    }

    fn accept_planned(&mut self, count: usize, fates: &[Fate], shape: u8) {
        let addresses: Vec<String> = (0..count).map(|n| format!("user{n}@x.example")).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let body = self.store().new_body(b"original").unwrap();
        let arrived = self.store().arrive(message(&addresses), body).unwrap();
        let id = arrived.message.id;
        for recipient in &arrived.recipients {
            let state = State::Queued(Stage::Plan);
            self.recipients.insert(recipient.id, Expected { message: id, carrier: None, state });
        }
        self.messages.push(id);
        self.owners.insert(id, id);
        self.plan_with(id, fates, shape, async move |store, plan| {
            store.accept_planned(arrived, plan).await
        });
    }

    fn plan(&mut self, message: MessageId, fates: &[Fate], shape: u8) {
        self.plan_with(message, fates, shape, async |store, plan| store.commit_plan(plan).await);
    }

    fn plan_with(
        &mut self,
        message: MessageId,
        fates: &[Fate],
        shape: u8,
        commit: impl AsyncFnOnce(&Store, Planned) -> Result<Made, Error>,
    ) {
        let mut plan = Planned::new(message, NOW);
        let mut groups = [Vec::new(), Vec::new()];
        let mut after = Vec::new();
        let mut is_stale = false;
        for (recipient, fate) in self.of_message(message).into_iter().zip(fates.iter().cycle()) {
            let (code, reply) = ("c".to_owned(), "r".to_owned());
            let event = match *fate {
                Fate::Stay => continue,
                Fate::Child(first) => {
                    groups[usize::from(first)].push(recipient);
                    Event::Planned
                }
                Fate::Other(event) => {
                    match event {
                        Event::Held => plan.held.push(Held { recipient, code, reason: reply }),
                        Event::Portal => plan.portal.push(recipient),
                        Event::Bounced => plan.bounced.push(Refused { recipient, code, reply }),
                        _ => plan.dropped.push(Refused { recipient, code, reply }),
                    }
                    event
                }
            };
            let expected = self.recipients[&recipient];
            match next(expected.state, event) {
                Ok(state) if expected.carrier.is_none() => after.push((recipient, state, event)),
                _ => is_stale = true,
            }
        }
        for (key, recipients) in ["one", "two"].into_iter().zip(&groups) {
            let body = match shape % 4 {
                0 => ChildBody::SameAsParent,
                1 => ChildBody::SameWithPrefix(b"Received: x\r\n".to_vec()),
                2 => ChildBody::New(self.store().new_body(b"protected").unwrap()),
                _ => ChildBody::New(self.store().new_body(&vec![9; LARGE]).unwrap()),
            };
            if !recipients.is_empty() {
                plan.children.push(child(key, recipients, body));
            }
        }
        let committed = self.runtime.block_on(commit(self.store(), plan));
        match committed {
            Err(Error::Stale { .. }) => assert!(is_stale),
            Err(other) => panic!("{other}"),
            Ok(made) => {
                assert!(!is_stale);
                self.check_work(&made);
                let mut children = made.children.into_iter();
                for recipients in groups.iter().filter(|group| !group.is_empty()) {
                    let child = children.next().unwrap();
                    self.carriers.push(child);
                    self.owners.insert(child, if shape % 4 < 2 { message } else { child });
                    for recipient in recipients {
                        self.recipients.get_mut(recipient).unwrap().carrier = Some(child);
                    }
                }
                for (recipient, state, _) in after {
                    self.recipients.get_mut(&recipient).unwrap().state = state;
                }
            }
        }
    }

    fn settle(&mut self, carrier: MessageId, events: &[Event]) {
        let outcome = |event: &Event| match event {
            Event::Bounced => bounced(),
            Event::Delivered => delivered(),
            Event::Held => Outcome::Hold { code: "c".into(), reason: "r".into() },
            _ => retry(NOW + 1),
        };
        let recipients = self.of_carrier(carrier);
        let mut settle = chancery_store::Settle::new(carrier, NOW);
        let mut stale = Vec::new();
        for (recipient, event) in recipients.into_iter().zip(events.iter().cycle()) {
            settle.outcomes.push((recipient, outcome(event)));
            match next(self.recipients[&recipient].state, *event) {
                Ok(after) => self.recipients.get_mut(&recipient).unwrap().state = after,
                Err(_) => stale.push(recipient),
            }
        }
        let settled = self.runtime.block_on(self.store().settle(settle)).unwrap();
        assert_eq!(settled.stale, stale);
    }

    fn act(&mut self, event: Event, which: Selection, chosen: &[RecipientId]) {
        let store = self.store().clone();
        let changed = match event {
            Event::Released => self.runtime.block_on(store.release(which, act(""))),
            Event::Retried => self.runtime.block_on(store.retry(which, act(""))),
            _ => self.runtime.block_on(store.drop_recipients(which, act(""))),
        };
        let mut expected = Vec::new();
        for recipient in chosen {
            let row = self.recipients.get_mut(recipient).unwrap();
            if let (Ok(state), false) = (next(row.state, event), expected.contains(recipient)) {
                row.state = state;
                expected.push(*recipient);
            }
        }
        expected.sort();
        let mut changed = changed.unwrap();
        changed.sort();
        assert_eq!(changed, expected);
    }

    fn of_message(&self, message: MessageId) -> Vec<RecipientId> {
        let of = self.recipients.iter().filter(|(_, row)| row.message == message);
        of.map(|(recipient, _)| *recipient).collect()
    }

    /// Returns the recipients of a child, or those of a message that have none.
    fn of_carrier(&self, carrier: MessageId) -> Vec<RecipientId> {
        let of =
            self.recipients.iter().filter(|(_, row)| row.carrier.unwrap_or(row.message) == carrier);
        of.map(|(recipient, _)| *recipient).collect()
    }

    /// Work that is handed on is what would be read from the database.
    fn check_work(&self, made: &Made) {
        assert_eq!(made.work.len(), made.children.len());
        for claim in &made.work {
            let Work::Deliver { carrier, route, recipients } = &claim.work else {
                panic!("a delivery was expected")
            };
            assert!(self.store().claim(carrier.id, NOW).unwrap().is_none(), "it is leased");
            assert_eq!(Some(carrier), self.store().message(carrier.id).unwrap().as_ref());
            assert_eq!(Some(route), carrier.route.as_ref());
            let mut expected = self.store().recipients(carrier.parent.unwrap()).unwrap();
            expected.retain(|row| row.carrier == Some(carrier.id));
            assert_eq!(recipients, &expected);
            let handed = self.store().body(&carrier.body).unwrap().read_all().unwrap();
            assert_eq!(handed.to_vec(), bytes(self.store(), carrier.id).unwrap());
        }
    }

    /// Compares everything that can be seen with what should be.
    fn check(&self) {
        let store = self.store();
        for message in &self.messages {
            for row in store.recipients(*message).unwrap() {
                let expected = self.recipients[&row.id];
                assert_eq!(
                    (row.message, row.carrier, row.state),
                    (*message, expected.carrier, expected.state)
                );
                assert_eq!(row.due_ms.is_some(), matches!(row.state, State::Queued(_)));
            }
        }
        self.check_lists();
        for message in self.messages.iter().chain(&self.carriers) {
            let owner = self.owners[message];
            let is_needed = self.recipients.values().any(|row| {
                !row.state.is_terminal()
                    && self.owners[&row.carrier.unwrap_or(row.message)] == owner
            });
            match bytes(store, *message) {
                Ok(_) => assert!(is_needed, "{message}: a body that nobody waits for"),
                Err(Error::BodyGone { .. }) => assert!(!is_needed, "{message}: the body is lost"),
                Err(other) => panic!("{other}"),
            }
        }
        store.verify_audit().unwrap();
    }

    /// Each recipient is in the list of its state and in no other; what is queued is due, and nothing else.
    fn check_lists(&self) {
        let store = self.store();
        for word in ["queued", "held", "portal", "delivered", "bounced", "dropped"] {
            let filter =
                QueueFilter { state: Some(word.into()), limit: 10_000, ..QueueFilter::default() };
            let listed: Vec<_> =
                store.list(&filter).unwrap().iter().map(|row| row.recipient.id).collect();
            let expected: Vec<_> = self
                .recipients
                .iter()
                .filter(|(_, row)| row.state.word() == word)
                .map(|(id, _)| *id)
                .collect();
            assert_eq!(listed, expected, "{word}");
        }
        let mut due: Vec<_> =
            store.due(i64::MAX, 10_000).unwrap().iter().map(|due| due.message).collect();
        due.sort();
        let queued = self.recipients.values().filter(|row| matches!(row.state, State::Queued(_)));
        let mut expected: Vec<_> = queued.map(|row| row.carrier.unwrap_or(row.message)).collect();
        expected.sort();
        expected.dedup();
        assert_eq!(due, expected);
    }
}

fn pick<T: Copy>(all: &[T], n: usize) -> Option<T> {
    all.get(n.checked_rem(all.len())?).copied()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let planned = prop_oneof![
        Just(Event::Held),
        Just(Event::Portal),
        Just(Event::Bounced),
        Just(Event::Dropped)
    ];
    let fate = prop_oneof![
        4 => any::<bool>().prop_map(Fate::Child),
        3 => planned.prop_map(Fate::Other),
        1 => Just(Fate::Stay),
    ];
    let outcome = || {
        prop_oneof![
            Just(Event::Delivered),
            Just(Event::Retry),
            Just(Event::Bounced),
            Just(Event::Held)
        ]
    };
    let admin = || prop_oneof![3 => Just(Event::Released), 1 => Just(Event::Retried), 1 => Just(Event::Dropped)];
    let many = || proptest::collection::vec(any::<usize>(), 1..4);
    let fates = || proptest::collection::vec(fate.clone(), 1..5);
    let step = prop_oneof![
        3 => (1_usize..5).prop_map(Step::Accept),
        3 => (1_usize..5, fates(), any::<u8>())
            .prop_map(|(count, fates, shape)| Step::AcceptPlanned(count, fates, shape)),
        5 => (any::<usize>(), fates(), any::<u8>())
            .prop_map(|(message, fates, shape)| Step::Plan(message, fates, shape)),
        5 => (any::<usize>(), proptest::collection::vec(outcome(), 1..4))
            .prop_map(|(carrier, events)| Step::Settle(carrier, events)),
        2 => (admin(), many()).prop_map(|(event, chosen)| Step::Act(event, chosen)),
        1 => (admin(), any::<usize>()).prop_map(|(event, message)| Step::ActOnMessage(event, message)),
        1 => Just(Step::Reopen),
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_database_does_what_the_state_table_says(steps in steps()) {
        let mut model = Model::new();
        model.step(&Step::Accept(3));
        for step in &steps {
            model.step(step);
            model.check();
        }
    }
}
