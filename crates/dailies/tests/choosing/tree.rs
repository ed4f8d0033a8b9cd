//! The tree that takes form.

use heirloom_dailies::choices::{Branch, Growth, Tree, tree};
use heirloom_vault::Verb;
use proptest::prelude::*;

use super::{SHOT, asked, drawn, film, take};

#[test]
fn takes_form_a_tree_with_the_notes_that_led_to_them() {
    let film = film();
    let ledger = film.vault.ledger();
    let growth = |parent, note: &str| Growth {
        parent: take(parent),
        note: Some(note.into()),
    };
    ledger.append(asked(SHOT, 0)).unwrap();
    ledger.append(drawn(0)).unwrap();
    for (n, parent, note) in [
        (1, 0, "nearer to dusk"),
        (2, 0, "less literal"),
        (3, 1, "hold longer"),
    ] {
        let act = growth(parent, note).on(asked(SHOT, n));
        assert_eq!(act.verb, Verb::Requested);
        ledger.append(act).unwrap();
        ledger.append(drawn(n)).unwrap();
    }
    // Another shot's take is none of this tree.
    ledger.append(asked("shot:sh-00000002", 4)).unwrap();
    ledger.append(drawn(4)).unwrap();

    let tree = tree(&film.vault, SHOT).unwrap();
    let walked: Vec<_> = tree
        .walk()
        .into_iter()
        .map(|(depth, branch)| {
            (
                depth,
                branch.take,
                branch.growth.as_ref().and_then(|g| g.note.clone()),
            )
        })
        .collect();
    assert_eq!(
        walked,
        [
            (0, take(0), None),
            (1, take(1), Some("nearer to dusk".into())),
            (2, take(3), Some("hold longer".into())),
            (1, take(2), Some("less literal".into())),
        ]
    );
    let path: Vec<_> = tree
        .path(&take(3))
        .into_iter()
        .map(|branch| branch.take)
        .collect();
    assert_eq!(path, [take(0), take(1), take(3)]);
    let children: Vec<_> = tree.children(&take(0)).into_iter().map(|b| b.take).collect();
    assert_eq!(children, [take(1), take(2)]);
    assert!(tree.path(&take(4)).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    // Merged ledgers may hold anything: circles, parents that are nowhere, takes twice.
    #[test]
    fn every_take_is_walked_once_below_its_parent(parents in prop::collection::vec(0_u32..14, 0..12)) {
        let branches: Vec<Branch> = parents.iter().enumerate().map(|(n, parent)| Branch {
            take: take(n as u32 % 10),
            growth: (*parent < 12).then(|| Growth { parent: take(*parent), note: None }),
        }).collect();
        let tree = Tree::of(branches.clone());
        let walked = tree.walk();
        let mut takes: Vec<_> = walked.iter().map(|(_, branch)| branch.take).collect();
        takes.sort_unstable();
        let mut expected: Vec<_> = branches.iter().map(|branch| branch.take).collect();
        expected.sort_unstable();
        expected.dedup();
        prop_assert_eq!(takes, expected);
        for (depth, branch) in &walked {
            let path = tree.path(&branch.take);
            prop_assert_eq!(path.len(), depth + 1);
            if *depth > 0 {
                let parent = path[depth - 1].take;
                prop_assert_eq!(branch.growth.as_ref().map(|growth| growth.parent), Some(parent));
                prop_assert!(tree.children(&parent).contains(branch));
            }
        }
    }
}
