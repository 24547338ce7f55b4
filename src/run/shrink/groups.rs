//! A group of hosts written as its members, so that those that play no part can go.
use super::draft::{Draft, Part, mentioned, verb};
use serde_json::Value;

/// Groups of more members stay groups: nobody reads so many lines, and their ranges are drawn by name all the same.
pub(super) const SMALL: u64 = 16;

/// Writes a group as its members. `None`: it is no group, or an expectation speaks of it as one.
///
/// Members keep their names, and so everything that is drawn by name. A line that speaks of the group becomes one for
/// each member.
pub(super) fn separated(draft: &Draft, part: &Part, name: &str) -> Option<Draft> {
    let member = draft.0.pointer(&format!("{}/{name}", part.place()))?.as_object()?;
    let count = member.get("count")?.as_u64()?;
    let expectations = draft.0.get("expect").map(Value::to_string).unwrap_or_default();
    if expectations.contains(&format!("\"{name}\"")) {
        return None;
    }
    let mut one = member.clone();
    one.shift_remove("count");
    let names: Vec<String> = (1..=count).map(|number| format!("{name}-{number:04}")).collect();

    let mut separated = draft.clone();
    let members = separated.0.pointer_mut(&part.place())?.as_object_mut()?;
    let whole = std::mem::take(members);
    for (key, value) in whole {
        if key == name {
            members.extend(names.iter().map(|name| (name.clone(), Value::Object(one.clone()))));
        } else {
            members.insert(key, value);
        }
    }
    let each = |line: &Value| {
        if !mentioned(line).contains(&name) {
            return vec![line.clone()];
        }
        names.iter().map(|member| spoken_of(line, name, member)).collect()
    };
    let lines = draft.lines().iter().flat_map(each).collect();
    Some(separated.with_lines(lines))
}

/// The line with one member where it says the group.
fn spoken_of(line: &Value, group: &str, member: &str) -> Value {
    let mut line = line.clone();
    let Some(verb) = verb(&line).map(|(verb, _)| verb.to_owned()) else { return line };
    for (_, said) in line[verb.as_str()].as_object_mut().into_iter().flatten().filter(|(key, _)| *key != "name") {
        let ends = match said {
            Value::Array(ends) => ends.iter_mut().collect(),
            said => vec![said],
        };
        for end in ends.into_iter().filter(|end| end.as_str() == Some(group)) {
            *end = member.into();
        }
    }
    line
}
