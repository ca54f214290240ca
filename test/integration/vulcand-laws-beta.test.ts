import { vulcandLaws } from "./vulcand-laws.ts";

vulcandLaws("0.8.0-beta.3-etcd2");
