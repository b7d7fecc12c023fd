//! What some of ten groups of servers know together, with the second seal broken and the session
//! stolen: everything but what people alone have.

use edgewise_spec::scatter::{Joined, OpenedPart, Shape, join, open_part};
use edgewise_spec::session::{Mode, Session};

use super::super::{Canary, found};
use super::{ABOUT, NAME, START, TEXT, Talk, chains, row};

/// What each group opens with the chains of its own connections: by cell, by group.
fn opened(talk: &Talk, shape: Shape) -> Vec<(usize, u32, Vec<OpenedPart>)> {
    let open = |(who, s, parts): &(usize, u32, Vec<Vec<u8>>)| {
        let direction = talk.people[*who].direction.number();
        let chains = chains(&format!("{} {direction}", talk.of), shape);
        let opened = (0..).zip(chains).zip(parts).map(|((place, mut chain), part)| {
            open_part(shape, place, &chain.step_to(*s).unwrap(), part).unwrap()
        });
        (*who, *s, opened.collect())
    };
    talk.sent.iter().map(open).collect()
}

/// Everything that the claimer said, as groups of a set of bits read it with the inviter's session as
/// it was before the first cell.
fn read(
    cells: &[(usize, u32, Vec<OpenedPart>)],
    shape: Shape,
    stolen: &[u8],
    groups: u32,
) -> Vec<u8> {
    let mut session = Session::from_bytes(stolen).unwrap();
    let mut known = Vec::new();
    for (_, s, parts) in cells.iter().filter(|(who, ..)| *who == 0) {
        let theirs = parts.iter().filter(|part| groups >> part.place & 1 == 1).cloned();
        if let Joined::Cell { cell, .. } = join(shape, &theirs.collect::<Vec<_>>()) {
            known.extend_from_slice(&cell);
            if let Ok(opened) = session.open(START, *s, &cell) {
                known.extend_from_slice(&opened.body);
                session = opened.session;
            }
        }
    }
    known
}

#[test]
fn six_of_ten_groups_know_nothing_of_what_is_said_and_seven_what_the_session_opens() {
    let shape = Shape::SEVEN_OF_TEN;
    let mut talk = Talk::over("a scattered talk", Mode::Deniable, shape);
    let stolen = talk.people[1].session.to_bytes().to_vec();
    talk.tell(NAME, TEXT, ABOUT);
    let cells = opened(&talk, shape);
    assert!(cells.len() >= 4, "{} cells", cells.len());

    let mut canaries = talk.canaries();
    canaries.retain(|canary| !canary.name.starts_with("part on"));
    // Sixteen bytes of the first cell from each of its seven data fragments.
    let all: Vec<OpenedPart> = cells[0].2.clone();
    let Joined::Cell { cell, .. } = join(shape, &all) else { panic!() };
    let names = ["cell 0", "cell 1", "cell 2", "cell 3", "cell 4", "cell 5", "cell 6"];
    for (name, piece) in names.into_iter().zip(cell.chunks(shape.fragment_len())) {
        canaries.push(Canary::new(name, &piece[300..316]));
    }

    // One group for itself, and so any number of them side by side.
    for group in 0..10_usize {
        let server = &talk.servers[group].learned.clone().unwrap();
        let mut known = Vec::new();
        for (_, _, parts) in &cells {
            known.extend_from_slice(&parts[group].to_bytes());
        }
        let learned = |canary: &Canary| canary.in_text(server) || canary.in_bytes(&known);
        assert_eq!(found(&canaries, learned), row(&[]), "group {group}");
    }
    // Together: what joins.
    for groups in (0_u32..1 << 10).filter(|groups| groups.count_ones() == 6) {
        let known = read(&cells, shape, &stolen, groups);
        assert!(known.is_empty(), "{groups:#b}");
    }
    for groups in [0b11_1111_1000, 0b00_0111_1111, 0b10_1101_1101] {
        let known = read(&cells, shape, &stolen, groups);
        let found = found(&canaries, |canary| canary.in_bytes(&known));
        // As far as the stolen session goes: the steps after it are not its thief's.
        let said = row(&["text", "name", "id of the text", "connection back"]);
        assert!(found.is_superset(&said), "{groups:#b}: {found:?}");
        assert!(names.iter().all(|name| found.contains(name)), "{groups:#b}: {found:?}");
    }
}
