import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sandbox } from './paths.ts';
import type { Ports } from './ports.ts';
import { renewable, services } from './services.ts';

const renewal = join(import.meta.dirname, 'renewal.ts');
const renewed = join(sandbox.renewed, renewable.names[0]);

/** Environment variable from which maintenance.yaml takes the password of the database. */
export const passwordVariable = 'SHOP_PASSWORD';

/**
 * Writes maintenance.yaml and the runbooks of the workspace where they are missing. What is there stays, edits included;
 * only ports that changed since `before` are replaced.
 */
export function writeWorkspace(ports: Ports, before: Ports): void {
  mkdirSync(sandbox.workspace, { recursive: true });
  cpSync(join(import.meta.dirname, 'runbooks'), sandbox.runbooks, { recursive: true, force: false });
  const kept = existsSync(sandbox.configuration) ? readFileSync(sandbox.configuration, 'utf8') : null;
  const text = kept === null ? configuration(ports) : withNewPorts(kept, ports, before);
  if (text !== kept) writeFileSync(sandbox.configuration, text);
}

function withNewPorts(text: string, ports: Ports, before: Ports): string {
  let changed = text;
  for (const [name, port] of Object.entries(ports)) {
    const old = before[name];
    if (old !== undefined && old !== port) changed = changed.replaceAll(`:${old}`, `:@${name}@`);
  }
  return changed.replaceAll(/:@(\w+)@/g, (found, name: string) => (name in ports ? `:${ports[name] ?? ''}` : found));
}

function configuration(ports: Ports): string {
  const port = (name: string): number => {
    const found = ports[name];
    if (found === undefined) throw new Error(`No port was chosen for ${name}`);
    return found;
  };
  const endpoints = services.map(({ name }) => `      - localhost:${port(name)}  # ${name}`).join('\n');
  return `# The sandbox of \`npm start\`. Edit and save: the agent reads it again at once.
maintenance:
  automated_tasks:
    - name: daily_vacuum
      schedule: "0 3 * * *"
      script: database-daily-maintenance.sh
      alert_on_failure: true

    - name: log_rotation
      schedule: "0 0 * * *"
      script: rotate-logs.sh
      alert_on_failure: false

    - name: certificate_check
      schedule: "0 2 * * *"
      script: check-certificates.sh
      alert_on_failure: true
      alert_threshold_days: 30

    - name: health_check
      schedule: "*/5 * * * *"
      script: health-check.sh
      alert_on_failure: true

  thresholds:
    disk_usage_percent: 80
    memory_usage_percent: 85
    cpu_usage_percent: 90
    database_connections_percent: 80

  databases:
    - name: shop
      url: postgres://postgres:\${${passwordVariable}}@127.0.0.1:${port('postgres')}/shop?sslmode=disable

  certificates:
    endpoints:
${endpoints}
    paths:
      - ${join(sandbox.certificates, '*', 'fullchain.pem')}
    ca: ${join(sandbox.certificates, 'ca.pem')}
    # Of the lifetime of ${renewable.names[0]} less than two fifths are left: try "Renew Certificate…" on it.
    renew_command: ${JSON.stringify([process.execPath, renewal, sandbox.renewed, sandbox.authority])}
    renew:
      - domain: ${renewable.names[0]}
        names: [localhost]
        cert: ${join(renewed, 'fullchain.pem')}
        key: ${join(renewed, 'privkey.pem')}
    deploy:
      - domain: ${renewable.names[0]}
        cert: ${join(renewed, 'fullchain.pem')}
        key: ${join(renewed, 'privkey.pem')}
        to:
          cert: ${join(sandbox.certificates, renewable.name, 'fullchain.pem')}
          key: ${join(sandbox.certificates, renewable.name, 'privkey.pem')}
        reload: [sh, -c, 'kill -USR2 "$(cat "$0")"', ${sandbox.servicesPid}]
        endpoint: localhost:${port(renewable.name)}
    backup:
      paths: ["${sandbox.certificates}"]
      destination: ${sandbox.backups}

  logs:
    rotate:
      - paths: ["${join(sandbox.logs, '*.log')}"]
        size: 32k
        rotate: 5
        postrotate: kill -HUP "$(cat '${join(sandbox.logs, 'shop.pid')}')"

  health:
    services:
      - name: shop website
        http: https://localhost:${port('shop')}/
        ca: ${join(sandbox.certificates, 'ca.pem')}
        max_latency: 1s
      - name: shop database
        tcp: 127.0.0.1:${port('postgres')}

  metrics:
    prefix: freeagentics_maintenance

  mode:
    flag_file: ${sandbox.flagFile}

  runbooks:
    directories: [runbooks]
`;
}
