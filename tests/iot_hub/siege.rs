//! A hub under siege: whatever is sent to it, it ends that connection as the contract says, and a good device works on.
use crate::hostile::{Door, assail, http_streams, mqtt_streams};
use crate::neighbourhood::{GROUP_KEY, first_copies, numbers, play, read_all, register, seconds};
use giant_lizard::history::Event;
use giant_lizard::host::Host;
use giant_lizard::iot::knobs::Confirms;
use giant_lizard::iot::plan::{CONTROL_PORT, MQTT_PORT};
use giant_lizard::wire::mqtt::{Connect, ConnectCode, Packet, Publish, Qos};
use giant_lizard::wire::sas::{device_key, make};
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

/// So many may come in, each as a device of its own.
const GUESTS: usize = 250;

fn connect(device: &str, resource: &str, key_of: &str, expires: SystemTime) -> Connect {
    let token = make(resource, &device_key(GROUP_KEY, key_of).unwrap(), expires, None).unwrap();
    Connect {
        client_id: device.into(),
        username: Some(format!("hub-a/{device}/?api-version=2021-04-12")),
        password: Some(token.into()),
        clean_session: false,
        keep_alive: 20,
        will: None,
    }
}

fn guest(number: usize) -> String {
    format!("guest-{number}")
}

fn good(device: &str, expires: SystemTime) -> Connect {
    connect(device, &format!("hub-a/devices/{device}"), device, expires)
}

fn tell(topic: &str, body: impl Into<bytes::Bytes>) -> Packet {
    Packet::Publish(Publish::at_least_once(topic, body, 1))
}

fn door(host: &Host) -> Door {
    let (now, late) = (host.wall_clock(), host.wall_clock() + Duration::from_secs(3600));
    let mut guests = 0..GUESTS;
    let change = |change: fn(&mut Connect)| {
        let mut connect = good("xyz", late);
        change(&mut connect);
        connect
    };
    use ConnectCode::{BadCredentials, IdentifierRejected, NotAuthorized, ServerUnavailable};
    let refuses = vec![
        ("an expired token", good("xyz", now), NotAuthorized),
        ("another device's key", connect("xyz", "hub-a/devices/xyz", "abc", late), NotAuthorized),
        ("a token for another hub", connect("xyz", "hub-b/devices/xyz", "xyz", late), NotAuthorized),
        ("a token for another device", connect("xyz", "hub-a/devices/abc", "xyz", late), NotAuthorized),
        ("no password", change(|it| it.password = None), BadCredentials),
        ("a password that is no token", change(|it| it.password = Some("secret".into())), BadCredentials),
        ("a password that is no text", change(|it| it.password = Some(b"\xff\xfe"[..].into())), BadCredentials),
        ("no username", change(|it| (it.username, it.password) = (None, None)), BadCredentials),
        ("another hub's name", change(|it| it.username = Some("hub-b/xyz/?api-version=1".into())), BadCredentials),
        ("no version", change(|it| it.username = Some("hub-a/xyz".into())), BadCredentials),
        ("another client id", change(|it| it.client_id = "abc".into()), IdentifierRejected),
        ("an unknown device", good("nobody", late), ServerUnavailable),
    ];
    let filters = |filters: &[&str]| {
        let filters = filters.iter().map(|&filter| (filter.to_owned(), Qos::AtMostOnce)).collect();
        Packet::Subscribe { id: 1, filters }
    };
    let abhors = vec![
        ("another's topic", vec![tell("devices/xyz/messages/events/", "x")]),
        ("a topic of the hub's own", vec![tell("$iothub/twin/res/200/?$rid=1", "x")]),
        ("no topic of a device", vec![tell("telemetry", "x")]),
        ("a method's answer without a status", vec![tell("$iothub/methods/res/?$rid=1", "x")]),
        ("an answer that nobody waits for", vec![tell("$iothub/methods/res/200/?$rid=1", "x")]),
        ("a message over 256 KB", vec![tell("devices/guest/messages/events/", vec![0; 257 * 1024])]),
        ("a patch that is no JSON", vec![tell("$iothub/twin/PATCH/properties/reported/?$rid=1", "{")]),
        ("a patch of $version", vec![tell("$iothub/twin/PATCH/properties/reported/?$rid=1", r#"{"$version":1}"#)]),
        (
            "a patch nested 100,000 deep",
            vec![tell("$iothub/twin/PATCH/properties/reported/?$rid=1", "[".repeat(100_000))],
        ),
        ("another's commands", vec![filters(&["devices/xyz/messages/devicebound/#"])]),
        ("a wildcard in the middle", vec![filters(&["$iothub/+/res/#"])]),
        (
            "six subscriptions",
            vec![
                filters(&["1", "2", "3", "4", "5", "6"].map(|_| "$iothub/twin/res/#")),
                filters(&[
                    "$iothub/twin/res/1",
                    "$iothub/twin/res/2",
                    "$iothub/twin/res/3",
                    "$iothub/twin/res/4",
                    "$iothub/twin/res/5",
                ]),
            ],
        ),
    ];
    let opens = move || good(&guest(guests.next().expect("guests enough")), late);
    Door { opens: Box::new(opens), refuses, abhors }
}

/// Requests that are HTTP, and not what the control plane takes.
const WRONG: &[(&str, &str, u16)] = &[
    ("GET /", "", 404),
    ("DELETE /health", "", 405),
    ("GET /%ff", "", 400),
    ("PUT /devices/a%20b", "", 400),
    ("PUT /devices/a?generation=x", "", 400),
    ("GET /messages/events?from=-1", "", 400),
    ("GET /messages/events?wait=soon", "", 400),
    ("GET /twins/nobody", "", 404),
    ("POST /devices/nobody/messages/devicebound", "hi", 404),
    ("POST /devices/xyz/messages/devicebound?ttl=soon", "hi", 400),
    ("POST /devices/xyz/messages/devicebound?message-id=a/b%20c", "hi", 400),
    ("PATCH /twins/xyz", "", 400),
    ("PATCH /twins/xyz", r#"{"properties":{"desired":[]}}"#, 400),
    ("PATCH /twins/xyz", r#"{"properties":{"desired":{"$x":1}}}"#, 400),
    ("PATCH /twins/nobody", r#"{"properties":{"desired":{}}}"#, 404),
    ("POST /twins/xyz/methods", "{", 400),
    ("POST /twins/xyz/methods", r#"{"methodName":"a/b"}"#, 400),
    ("POST /twins/nobody/methods", r#"{"methodName":"a"}"#, 404),
    ("POST /twins/guest-0/methods", r#"{"methodName":"a"}"#, 404),
];

#[test]
fn a_hub_under_siege_ends_every_hostile_connection_and_a_good_device_works_on() {
    for seed in 0..3 {
        play(seed, |place| async move {
            place.hub("hub-a", "west", Confirms::AfterStoring);
            place.dps(&["hub-a"]);
            place.device(|plan| plan.until = seconds(300));
            let sent = place
                .visit("lizard", |host| async move {
                    for number in 0..GUESTS {
                        register(&host, "hub-a", &guest(number)).await;
                    }
                    let mut dice = host.dice("hostile");
                    let mqtt = mqtt_streams(&mut dice, &mut door(&host));
                    let http = http_streams(&mut dice, WRONG);
                    let sent = mqtt.len() + http.len();
                    assert_eq!(assail(&host, "hub-a", MQTT_PORT, mqtt).await, Vec::<String>::new());
                    assert_eq!(assail(&host, "hub-a", CONTROL_PORT, http).await, Vec::<String>::new());
                    sent
                })
                .await;
            assert!(sent >= 200, "{sent}");
            place.stage.sleep(seconds(300)).await;

            let whys: BTreeSet<_> = place
                .chronicle
                .pick(|entry| match &entry.event {
                    Event::SessionEnded { client, why, .. } if client.starts_with("guest") => Some(*why),
                    _ => None,
                })
                .into_iter()
                .collect();
            for why in [
                "malformed packet",
                "packet out of place",
                "topic not a device's",
                "quality of service 2",
                "message too long",
                "too many subscriptions",
                "acknowledged out of order",
                "silent for one and a half keep-alives",
            ] {
                assert!(whys.contains(why), "{why}: {whys:?}");
            }
            let lost = place.chronicle.pick(|entry| match &entry.event {
                Event::SessionLost { client, .. } => Some(client.clone()),
                _ => None,
            });
            assert_eq!(lost, [], "the good device never noticed");
            let stored = place.visit("reader", |host| async move { read_all(&host, "hub-a").await }).await;
            let own: Vec<_> = stored.into_iter().filter(|event| event.device == "xyz").collect();
            assert_eq!(first_copies(&numbers(&own)), place.chronicle.offered());
            assert_eq!(place.chronicle.offered().len(), 300);
        });
    }
}
