//! One line a question, one line an answer: conformance/README.md, *Vectors against your program*.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest line of an answer, in bytes, its end counted; the longest that is expected has 33,000.
pub const LINE_MAX: usize = 1 << 20;

/// What is asked. It says nothing of what is expected: not the vector's name, not its flags.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Counts the questions of a run from 0.
    pub id: u64,
    /// The file: `suite`.
    pub file: String,
    /// The group in it: `verifying_key`.
    pub operation: String,
    /// The vector's `input`.
    pub input: Value,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The input is accepted, and this comes of it.
    Output(Value),
    /// This layer refuses it; empty where the program does not know which.
    Refused(String),
    /// The program does not compute this; why, for people.
    Unsupported(String),
}

/// An answer as it stands in its line: exactly one of the three is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    output: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    refused: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    unsupported: Option<String>,
}

impl Reply {
    /// The line of this answer to question `id`.
    #[must_use]
    pub fn new(id: u64, answer: Answer) -> Self {
        let mut reply = Self { id, output: None, refused: None, unsupported: None };
        match answer {
            Answer::Output(output) => reply.output = Some(output),
            Answer::Refused(layer) => reply.refused = Some(layer),
            Answer::Unsupported(why) => reply.unsupported = Some(why),
        }
        reply
    }

    /// Reads the line of an answer to question `id`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(line: &[u8], id: u64) -> Result<Answer, String> {
        let reply: Self =
            serde_json::from_slice(line).map_err(|why| format!("no answer: {why}"))?;
        if reply.id != id {
            return Err(format!("an answer to {}, where {id} was asked", reply.id));
        }
        match (reply.output, reply.refused, reply.unsupported) {
            (Some(output), None, None) => Ok(Answer::Output(output)),
            (None, Some(layer), None) => Ok(Answer::Refused(layer)),
            (None, None, Some(why)) => Ok(Answer::Unsupported(why)),
            _ => Err("not exactly one of output, refused and unsupported".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_one_of_three() {
        let read = |line: &str| Reply::read(line.as_bytes(), 7);
        assert_eq!(read(r#"{"id":7,"output":{}}"#), Ok(Answer::Output(serde_json::json!({}))));
        assert_eq!(read(r#"{"refused":"tag","id":7}"#), Ok(Answer::Refused("tag".into())));
        assert_eq!(read(r#"{"id":7,"unsupported":""}"#), Ok(Answer::Unsupported(String::new())));
        for (line, told) in [
            (r#"{"id":8,"output":{}}"#, "an answer to 8"),
            (r#"{"id":7}"#, "exactly one"),
            (r#"{"id":7,"output":{},"refused":"tag"}"#, "exactly one"),
            (r#"{"id":7,"output":null}"#, "exactly one"),
            (r#"{"id":7,"output":{},"result":"ok"}"#, "result"),
            (r#"{"output":{}}"#, "id"),
            (r#"{"id":"7","output":{}}"#, "no answer"),
            ("ready", "no answer"),
        ] {
            let fault = read(line).unwrap_err();
            assert!(fault.contains(told), "{line}: {fault}");
        }
    }
}
