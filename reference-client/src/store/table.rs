//! The tables: every plain column is an integer, and one column holds the sealed rest.

/// A table, its plain columns in order, and how many of them are its key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [&'static str],
    pub(super) key: usize,
    pub(super) create: &'static str,
}

impl Table {
    fn condition(&self, columns: usize) -> String {
        let named = self.columns.iter().take(columns).zip(1..);
        let conditions: Vec<String> = named.map(|(name, at)| format!("{name} = ?{at}")).collect();
        if conditions.is_empty() { "1".to_owned() } else { conditions.join(" AND ") }
    }

    fn listed(&self) -> String {
        self.columns.join(", ")
    }

    /// Rows whose first `columns` columns are given.
    pub(super) fn select(&self, columns: usize) -> String {
        let (listed, condition) = (self.listed(), self.condition(columns));
        format!("SELECT {listed}, sealed FROM {} WHERE {condition}", self.name)
    }

    /// Writes a row over the one with the same key.
    pub(super) fn put(&self) -> String {
        let places: Vec<String> = (1..=self.columns.len() + 1).map(|at| format!("?{at}")).collect();
        let key: Vec<&str> = self.columns.iter().take(self.key).copied().collect();
        let rest = self.columns.iter().skip(self.key).chain(&["sealed"]);
        let set: Vec<String> = rest.map(|name| format!("{name} = excluded.{name}")).collect();
        format!(
            "INSERT INTO {} ({}, sealed) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {}",
            self.name,
            self.listed(),
            places.join(", "),
            key.join(", "),
            set.join(", ")
        )
    }

    pub(super) fn delete(&self) -> String {
        format!("DELETE FROM {} WHERE {}", self.name, self.condition(self.key))
    }
}

pub(super) static PROFILE: Table = Table {
    name: "profile",
    columns: &["profile"],
    key: 1,
    create: "CREATE TABLE profile (profile INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT",
};

pub(super) static SERVER: Table = Table {
    name: "server",
    columns: &["server", "profile"],
    key: 1,
    create: "CREATE TABLE server (server INTEGER PRIMARY KEY, profile INTEGER NOT NULL REFERENCES profile, sealed BLOB NOT NULL) STRICT",
};

pub(super) static CONTACT: Table = Table {
    name: "contact",
    columns: &["contact", "profile"],
    key: 1,
    create: "CREATE TABLE contact (contact INTEGER PRIMARY KEY, profile INTEGER NOT NULL REFERENCES profile, sealed BLOB NOT NULL) STRICT",
};

/// Whose connection it is stands in the sealed part, so that the file does not group them.
pub(super) static CONNECTION: Table = Table {
    name: "connection",
    columns: &["connection", "profile"],
    key: 1,
    create: "CREATE TABLE connection (connection INTEGER PRIMARY KEY, profile INTEGER NOT NULL REFERENCES profile, sealed BLOB NOT NULL) STRICT",
};

pub(super) static SESSION: Table = Table {
    name: "session",
    columns: &["session", "contact"],
    key: 1,
    create: "CREATE TABLE session (session INTEGER PRIMARY KEY, contact INTEGER NOT NULL REFERENCES contact, sealed BLOB NOT NULL) STRICT",
};

/// Sealed parts, by the number that the connection's sender gives them.
pub(super) static OUTBOX: Table = Table {
    name: "outbox",
    columns: &["connection", "number"],
    key: 2,
    create: "CREATE TABLE outbox (connection INTEGER NOT NULL REFERENCES connection, number INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (connection, number)) STRICT, WITHOUT ROWID",
};

/// What of a session's state is written seldom; its own row has the rest.
pub(super) static BASE: Table = Table {
    name: "base",
    columns: &["session"],
    key: 1,
    create: "CREATE TABLE base (session INTEGER PRIMARY KEY REFERENCES session, sealed BLOB NOT NULL) STRICT",
};

/// Pieces of what is not complete yet: fragments of messages.
pub(super) static PIECE: Table = Table {
    name: "piece",
    columns: &["session", "piece"],
    key: 2,
    create: "CREATE TABLE piece (session INTEGER NOT NULL REFERENCES session, piece INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (session, piece)) STRICT, WITHOUT ROWID",
};

/// Parts of cells that too few have come of, by connection; `held` is a keyed hash of connection and
/// counter.
pub(super) static HELD: Table = Table {
    name: "held",
    columns: &["connection", "held"],
    key: 2,
    create: "CREATE TABLE held (connection INTEGER NOT NULL REFERENCES connection, held INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (connection, held)) STRICT, WITHOUT ROWID",
};

/// `position` is 1, 2, 3 … in a contact's history without a gap; `lookup` is a keyed hash of the
/// message's id.
pub(super) static MESSAGE: Table = Table {
    name: "message",
    columns: &["contact", "position", "lookup"],
    key: 2,
    create: "CREATE TABLE message (contact INTEGER NOT NULL REFERENCES contact, position INTEGER NOT NULL, lookup INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (contact, position)) STRICT, WITHOUT ROWID",
};

pub(super) static INVITATION: Table = Table {
    name: "invitation",
    columns: &["invitation", "profile"],
    key: 1,
    create: "CREATE TABLE invitation (invitation INTEGER PRIMARY KEY, profile INTEGER NOT NULL REFERENCES profile, sealed BLOB NOT NULL) STRICT",
};

/// The row's number is a keyed hash of profile and name.
pub(super) static SETTING: Table = Table {
    name: "setting",
    columns: &["setting"],
    key: 1,
    create: "CREATE TABLE setting (setting INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT",
};

/// How many rows each table has, and what they add up to; and how many transactions there were.
pub(super) static LEDGER: Table = Table {
    name: "ledger",
    columns: &["ledger"],
    key: 1,
    create: "CREATE TABLE ledger (ledger INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT",
};

/// The wrapped data key: the only row that is not sealed.
pub(super) const CREATE_KEY: &str =
    "CREATE TABLE key (key INTEGER PRIMARY KEY, record BLOB NOT NULL) STRICT";
pub(super) const CREATE_LOOKUP: &str =
    "CREATE INDEX message_lookup ON message (contact, lookup, position)";

/// Every table whose rows the ledger counts, parents first.
pub(super) static TABLES: [&Table; 12] = [
    &PROFILE,
    &SERVER,
    &CONTACT,
    &CONNECTION,
    &SESSION,
    &OUTBOX,
    &HELD,
    &BASE,
    &PIECE,
    &MESSAGE,
    &INVITATION,
    &SETTING,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statements_of_a_table() {
        assert_eq!(
            MESSAGE.select(1),
            "SELECT contact, position, lookup, sealed FROM message WHERE contact = ?1"
        );
        assert_eq!(
            MESSAGE.put(),
            "INSERT INTO message (contact, position, lookup, sealed) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (contact, position) DO UPDATE SET lookup = excluded.lookup, \
             sealed = excluded.sealed"
        );
        assert_eq!(MESSAGE.delete(), "DELETE FROM message WHERE contact = ?1 AND position = ?2");
        assert_eq!(PROFILE.select(0), "SELECT profile, sealed FROM profile WHERE 1");
    }

    #[test]
    fn the_declared_columns_are_those_of_the_table() {
        for table in TABLES.into_iter().chain([&LEDGER]) {
            let listed = table
                .columns
                .iter()
                .all(|column| table.create.contains(&format!("{column} INTEGER")));
            assert!(listed, "{}", table.name);
            assert!(table.create.starts_with(&format!("CREATE TABLE {} (", table.name)));
        }
    }
}
