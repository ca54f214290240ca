import { vulcandLaws } from "./vulcand-laws.ts";

vulcandLaws("0.9.2-etcd3");
