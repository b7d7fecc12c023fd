//! What the schemas of the vector files say, checked without a library for JSON Schema.

use std::iter;

use serde_json::Value;

/// Asserts that `value` is valid under `schema`, for the keywords that our schemas use.
pub fn matches(root: &Value, schema: &Value, value: &Value, at: &str) {
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" | "required" => {}
            "$ref" => {
                let pointer = rule.as_str().unwrap().trim_start_matches('#');
                matches(root, root.pointer(pointer).unwrap(), value, at);
            }
            "allOf" => rule.as_array().unwrap().iter().for_each(|s| matches(root, s, value, at)),
            "type" => {
                let kind = match value {
                    Value::Object(_) => "object",
                    Value::Array(_) => "array",
                    Value::String(_) => "string",
                    Value::Number(number) if number.is_u64() => "integer",
                    Value::Bool(_) => "boolean",
                    _ => "other",
                };
                assert_eq!(rule, kind, "{at}");
            }
            "enum" => assert!(rule.as_array().unwrap().contains(value), "{at}"),
            "pattern" => {
                let text = value.as_str().unwrap();
                let known = match rule.as_str().unwrap() {
                    "^([0-9a-f]{2})*$" => hex::decode(text).is_ok(),
                    "^[A-Z]+-[0-9]+$" | "^SUITE-[0-9]+$" => text
                        .split_once('-')
                        .is_some_and(|(word, number)| capitals(word) && digits(number)),
                    "^[a-z0-9-]+/[a-z0-9-]+$" => text.split('/').filter(slug).count() == 2,
                    other => panic!("pattern {other} is unknown here"),
                };
                assert!(known, "{at}: {text}");
            }
            "items" => {
                let items = value.as_array().unwrap().iter().enumerate();
                items.for_each(|(i, item)| matches(root, rule, item, &format!("{at}[{i}]")));
            }
            "properties" => object(root, schema, rule, value, at),
            "additionalProperties" => match rule {
                Value::Bool(false) => assert!(schema.get("properties").is_some()),
                rule => {
                    value.as_object().unwrap().values().for_each(|v| matches(root, rule, v, at))
                }
            },
            other => panic!("keyword {other} is unknown here"),
        }
    }
}

fn object(root: &Value, schema: &Value, properties: &Value, value: &Value, at: &str) {
    assert_eq!(schema["additionalProperties"], false, "{at}");
    for name in schema["required"].as_array().unwrap() {
        assert!(value.get(name.as_str().unwrap()).is_some(), "{at} lacks {name}");
    }
    for (name, value) in value.as_object().unwrap() {
        let rule = properties.get(name).unwrap_or_else(|| panic!("{at} has {name}"));
        iter::once(rule).for_each(|rule| matches(root, rule, value, &format!("{at}.{name}")));
    }
}

fn capitals(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn slug(text: &&str) -> bool {
    let legal = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase() || byte == b'-';
    !text.is_empty() && text.bytes().all(legal)
}
