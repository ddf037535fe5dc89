// The resource report: everything the pool has, as a spreadsheet.

import { useState } from "preact/hooks";
import { Unreachable } from "../api/rpc.ts";
import { useApp } from "../parts/app.ts";
import { Button, Card, Head } from "../parts/ui.tsx";

const FORMATS = [
  ["xlsx", "XLSX", "One workbook with a sheet for each kind."],
  ["csv", "CSV", "Plain text, one table after the other."],
] as const;

/** What a page that refuses a request says about it. */
const said = (page: string): string => /Additional information<\/h2><p>([^<&]*)/.exec(page)?.[1] ?? "";

export function Report() {
  const { session, store, work } = useApp();
  const [fetching, setFetching] = useState("");
  const download = async (format: string) => {
    setFetching(format);
    await work.tell("Resource report", async () => {
      const response = await fetch(`/resource_report?${new URLSearchParams({ format, session_id: session.ref })}`, {
        credentials: "omit",
        cache: "no-store",
      });
      if (!response.ok) throw new Unreachable(`The server answered ${response.status}. ${said(await response.text())}`);
      // Through a blob, so that the session is in no address that the browser remembers.
      const url = URL.createObjectURL(await response.blob());
      const link = document.createElement("a");
      link.href = url;
      link.download = `${store.pool?.name_label || "pool"} resources.${format}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 10000);
    });
    setFetching("");
  };
  return (
    <>
      <Head icon="report" title="Resource report" below="Servers, networks, disks, storage, VMs and GPUs of this pool, as they are now" />
      <div class="columns">
        {FORMATS.map(([format, label, what]) => (
          <Card key={format} title={label}>
            <p class="hint">{what}</p>
            <Button
              label={`Download ${label}`}
              icon="download"
              kind="primary"
              refused={fetching ? "It is being put together." : undefined}
              onPress={() => void download(format)}
            />
          </Card>
        ))}
      </div>
    </>
  );
}
