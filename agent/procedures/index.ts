/** All built-in procedures, by name and by alias. */
import type { AnyProcedure } from './define.ts';
import { backupCertificates } from './certificates/backupCertificates.ts';
import { checkCertificates } from './certificates/checkCertificates.ts';
import { renewCertificate } from './certificates/renewCertificate.ts';
import { restoreCertificates } from './certificates/restoreCertificates.ts';
import { deployCertificate } from './certificates/deployCertificate.ts';
import { verifyCertificate } from './certificates/verifyCertificate.ts';
import { analyzeSlowQueries } from './database/analyzeSlowQueries.ts';
import { applyOptimizations } from './database/applyOptimizations.ts';
import { checkBloat } from './database/checkBloat.ts';
import { checkDbHealth } from './database/checkDbHealth.ts';
import { databaseDailyMaintenance } from './database/databaseDailyMaintenance.ts';
import { monitorQueries } from './database/monitorQueries.ts';
import { databaseMonthlyMaintenance } from './database/databaseMonthlyMaintenance.ts';
import { databaseWeeklyMaintenance } from './database/databaseWeeklyMaintenance.ts';
import { optimizeIndexes } from './database/optimizeIndexes.ts';
import { performanceAnalysis } from './database/performanceAnalysis.ts';
import { updateStatistics } from './database/updateStatistics.ts';
import { healthCheck } from './health/healthCheck.ts';
import { analyzeLogs } from './logs/analyzeLogs.ts';
import { archiveAuditLogs } from './logs/archiveAuditLogs.ts';
import { archiveLogs } from './logs/archiveLogs.ts';
import { cleanSystemLogs } from './logs/cleanSystemLogs.ts';
import { rotateLogs } from './logs/rotateLogs.ts';

const all: readonly AnyProcedure[] = [
  analyzeLogs,
  analyzeSlowQueries,
  applyOptimizations,
  archiveAuditLogs,
  archiveLogs,
  backupCertificates,
  checkBloat,
  checkCertificates,
  checkDbHealth,
  cleanSystemLogs,
  databaseDailyMaintenance,
  databaseMonthlyMaintenance,
  databaseWeeklyMaintenance,
  deployCertificate,
  healthCheck,
  monitorQueries,
  optimizeIndexes,
  performanceAnalysis,
  renewCertificate,
  restoreCertificates,
  rotateLogs,
  updateStatistics,
  verifyCertificate,
];

export const procedures: ReadonlyMap<string, AnyProcedure> = new Map(
  all.flatMap((procedure) => [procedure.name, ...(procedure.aliases ?? [])].map((name) => [name, procedure] as const)),
);
