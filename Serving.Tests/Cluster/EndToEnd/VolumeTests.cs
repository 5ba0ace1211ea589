using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>Volumes that the containers of a pod share, and volumes that outlive it.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
public sealed class VolumeTests : EndToEndTests
{
    private const string Mount = "volumeMounts: [{name: data, mountPath: /data}]";
    private const string EmptyDir = "volumes: [{name: data, emptyDir: {sizeLimit: 100M} }]";

    [Test]
    public async Task A_program_writes_and_reads_an_empty_directory()
    {
        await StartAsync(
            new("empty")
            {
                Environment = [("WRITE", "from the volume")],
                Container = Mount,
                Spec = EmptyDir,
            }
        );

        (await CallAsync("empty", "/file")).Should().Be((HttpStatusCode.OK, "from the volume"));
    }

    [Test]
    public async Task A_claim_keeps_what_is_written_from_one_Revision_to_the_next()
    {
        await Cluster.ApplyAsync(
            $$"""
            apiVersion: v1
            kind: PersistentVolumeClaim
            metadata: {name: claim, namespace: {{Namespace}} }
            spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 100Mi} } }
            """
        );
        var manifest = new ServiceManifest("claimed")
        {
            Container = Mount,
            Spec =
                "securityContext: {fsGroup: 65532}, volumes: [{name: data, persistentVolumeClaim: {claimName: claim, readOnly: false} }]",
        };
        await StartAsync(manifest with { Environment = [("WRITE", "kept")] });
        (await CallAsync("claimed", "/file")).Should().Be((HttpStatusCode.OK, "kept"));

        await UpdateAsync(manifest);
        (await CallAsync("claimed", "/file")).Should().Be((HttpStatusCode.OK, "kept"), "the next Revision writes nothing");
    }

    [Test]
    public async Task An_init_container_prepares_what_the_program_serves()
    {
        await StartAsync(
            new("prepared")
            {
                Container = Mount,
                Spec =
                    $"initContainers: [{{name: initsetup, image: \"{Cluster.ProgramImage}\", args: [write, text, prepared], {Mount}}}], {EmptyDir}",
            }
        );

        (await CallAsync("prepared", "/file")).Should().Be((HttpStatusCode.OK, "prepared"));
        (await GetAsync(Resources.Revisions, "prepared-00001"))
            .Status.InitContainerStatuses.Should()
            .ContainSingle()
            .Which.Name.Should()
            .Be("initsetup");
    }
}
