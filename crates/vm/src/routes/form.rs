//! The written form of a routing table, and what it leaves out.

use serde::{Deserialize, Serialize};

use super::{Link, MAIN, Neighbour, Route, RouteError, Routes};

/// As it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    #[serde(default)]
    device: Vec<Link>,
    #[serde(default)]
    route: Vec<Route>,
    #[serde(default)]
    neighbour: Vec<Neighbour>,
}

pub(super) fn ethernet_mtu() -> u32 {
    1500
}

pub(super) fn ethernet_header() -> u16 {
    14
}

pub(super) fn main_table() -> u32 {
    MAIN
}

impl TryFrom<Form> for Routes {
    type Error = RouteError;

    fn try_from(form: Form) -> Result<Self, RouteError> {
        let mut routes = Routes { devices: form.device, routes: form.route, neighbours: form.neighbour };
        // Every namespace has a loopback device.
        if routes.device(1).is_none() && routes.device_named("lo").is_none() {
            routes.devices.splice(0..0, Routes::default().devices);
        }
        routes.check()?;
        Ok(routes)
    }
}

impl From<Routes> for Form {
    fn from(routes: Routes) -> Self {
        Form { device: routes.devices, route: routes.routes, neighbour: routes.neighbours }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_and_written() {
        let text = r#"
            [[device]]
            name = "eth0"
            index = 2
            mac = "02:00:00:00:00:01"
            addresses = ["192.0.2.1/24", "2001:db8::1/64"]
            forwarding = true

            [[route]]
            to = "0.0.0.0/0"
            via = "192.0.2.254"

            [[neighbour]]
            address = "192.0.2.254"
            mac = "02:00:00:00:00:fe"
        "#;
        let routes: Routes = toml::from_str(text).unwrap();
        assert_eq!(routes.devices.len(), 2, "and the loopback device");
        assert_eq!(routes.way(&routes.routes[0]).unwrap().name, "eth0");
        let again: Routes = toml::from_str(&toml::to_string(&routes).unwrap()).unwrap();
        assert_eq!(again, routes);
    }

    #[test]
    fn what_does_not_fit_is_said() {
        for (text, expected) in [
            ("[[device]]\nname = \"a\"\nindex = 0", "its index must be above 0"),
            (
                "[[device]]\nname = \"a\"\nindex = 2\n[[device]]\nname = \"a\"\nindex = 3",
                "of no other device",
            ),
            ("[[route]]\nto = \"10.0.0.0/8\"\ndevice = \"x\"", "there is no device `x` for `10.0.0.0/8`"),
            ("[[route]]\nto = \"10.0.0.0/8\"\nvia = \"10.0.0.1\"", "give a `device`"),
            ("[[route]]\nto = \"2001:db8::/32\"\nvia = \"10.0.0.1\"", "one address family"),
            ("[[route]]\nto = \"10.0.0.0/33\"", "prefix length"),
            ("[[neighbour]]\naddress = \"10.0.0.1\"\nmac = \"1:2\"", "six bytes"),
            ("[[device]]\nname = \"a\"\nindx = 2", "unknown field"),
        ] {
            let error = toml::from_str::<Routes>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
