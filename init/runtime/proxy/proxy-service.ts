/**
 * What the supervisor makes of a service's proxy settings: its own part, and the login processes'.
 */
import type { Log } from '../log/log.js';
import type { MailServiceConfiguration } from '../settings/service-configuration.js';
import { ProxyRoutes } from './proxy-route.js';
import type { ProxyPlaces } from './proxy-settings.js';

type Configuration = Pick<MailServiceConfiguration, 'proxy' | 'services'>;

/** Who is served elsewhere; undefined: nobody. */
export function proxyRoutes({ proxy }: Configuration, log: Log): ProxyRoutes | undefined {
  return proxy === undefined || !(proxy.isOn || proxy.refers) ? undefined : new ProxyRoutes(proxy, log);
}

/** What login processes need, where accounts are passed on. */
export function proxyPlaces({ proxy, services }: Configuration): ProxyPlaces | undefined {
  if (proxy?.isOn !== true) return undefined;
  return { manner: proxy.manner, own: Object.values(services).flatMap(({ addresses }) => addresses) };
}
