//! Which cases are meant.

/// Whether `text` fits `glob`, where `*` stands for any characters and `?` for one.
#[must_use]
pub fn fits(glob: &str, text: &str) -> bool {
    match glob.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = glob.get(1..).unwrap_or_default();
            let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.any(|at| text.get(at..).is_some_and(|text| fits(rest, text)))
        }
        Some(first) => {
            let mut chars = text.chars();
            let fitting = chars.next().is_some_and(|other| first == '?' || first == other);
            fitting && fits(glob.get(first.len_utf8()..).unwrap_or_default(), chars.as_str())
        }
    }
}

/// The names that fit any of the globs, all without globs, in their own order.
///
/// # Errors
/// A glob that fits nothing, with the names that come near.
pub fn select<'a>(globs: &[String], names: &[&'a str]) -> Result<Vec<&'a str>, String> {
    for glob in globs {
        if !names.iter().any(|name| fits(glob, name)) {
            let near = near(glob, names).join(", ");
            return Err(format!("nothing fits {glob:?}; near: {near}"));
        }
    }
    let wanted = |name: &&&str| globs.is_empty() || globs.iter().any(|glob| fits(glob, name));
    Ok(names.iter().filter(wanted).copied().collect())
}

/// The three names that are most alike.
#[must_use]
pub fn near<'a>(name: &str, names: &[&'a str]) -> Vec<&'a str> {
    let mut sorted: Vec<&str> = names.to_vec();
    sorted.sort_by_key(|other| {
        let inside = other.contains(name.trim_matches('*'));
        if inside { 0 } else { distance(name, other) + 1 }
    });
    sorted.truncate(3);
    sorted
}

/// How many characters have to be put in, taken out or changed.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, b) in row.iter_mut().skip(1).zip(b.chars()) {
            let changed = diagonal + usize::from(a != b);
            diagonal = *cell;
            left = changed.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_fit_whole_names() {
        for (glob, text, fit) in [
            ("frame/*", "frame/x", true),
            ("*x", "frame/x", true),
            ("frame/?", "frame/x", true),
            ("frame", "frame/x", false),
            ("*", "", true),
            ("?", "", false),
            ("f*e/*y", "frame/xyz", false),
        ] {
            assert_eq!(fits(glob, text), fit, "{glob} {text}");
        }
    }

    #[test]
    fn a_glob_that_fits_nothing_is_told_what_is_near() {
        let names = ["frame/length", "frame/order", "link/replay"];
        assert_eq!(select(&[], &names).unwrap(), names);
        assert_eq!(select(&["frame/*".into()], &names).unwrap(), ["frame/length", "frame/order"]);
        let fault = select(&["link/replai".into()], &names).unwrap_err();
        assert!(fault.contains("near: link/replay"), "{fault}");
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
