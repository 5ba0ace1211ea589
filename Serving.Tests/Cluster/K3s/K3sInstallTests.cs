using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.Deploy;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster.K3s;

/// <summary>What can be said of the K3s cluster without K3s.</summary>
[Category("Slow")]
public sealed class K3sInstallTests
{
    [Test]
    public async Task The_gateway_gets_the_port_of_the_node_that_the_container_maps_and_nothing_else_changes()
    {
        var manifest = await File.ReadAllTextAsync(RenderedManifest.PathOf("serving.yaml"));

        var changed = K3sInstall.WithNodePort(manifest);

        changed.Should().Contain("  - name: http2\n    port: 80\n    targetPort: 8081\n    nodePort: 30080\n");
        changed.Should().NotContain("LoadBalancer\n").And.Contain("type: NodePort\n");
        changed.Split('\n').Except(manifest.Split('\n')).Should().BeEquivalentTo("    nodePort: 30080", "  type: NodePort");
    }

    [Test]
    public void A_manifest_that_is_not_as_expected_is_refused()
    {
        var change = () => K3sInstall.WithNodePort("kind: Service\n");

        change.Should().Throw<InvalidOperationException>().WithMessage("*LoadBalancer*");
    }

    [Test]
    public async Task Every_image_of_ours_that_the_manifest_names_is_imported_under_that_name()
    {
        var manifest = await File.ReadAllTextAsync(RenderedManifest.PathOf("serving.yaml"));
        var named = System
            .Text.RegularExpressions.Regex.Matches(manifest, @"image: (ghcr\.io/serving/\S+)")
            .Select(match => match.Groups[1].Value)
            .Distinct();

        named
            .Should()
            .NotBeEmpty()
            .And.BeSubsetOf(K3sInstall.Images.Select(image => $"{K3sInstall.ReleaseRegistry}/{image}:{Repository.ImageTag}"));
    }

    [Test]
    public void Images_of_Services_are_named_under_a_registry_whose_tags_are_not_resolved()
    {
        var settings = RenderedManifest.Read("serving.yaml").Single(item => item.Metadata.Name == "config-deployment").Strings("data")[
            "_example"
        ];

        settings.Should().MatchRegex($"registries-skipping-tag-resolving: \".*{K3sInstall.Registry}.*\"");
        K3sInstall
            .TagCommand("helloworld", "v1")
            .Should()
            .Equal("ctr", "--namespace", "k8s.io", "images", "tag", "--force", "ghcr.io/serving/helloworld:v1", "dev.local/helloworld:v1");
    }

    [Test]
    public void A_missing_archive_says_how_it_is_made()
    {
        var folder = Directory.CreateTempSubdirectory("k3s-").FullName;
        try
        {
            var find = () => K3sInstall.ArchiveIn(folder, "host", "v1");
            find.Should().Throw<InvalidOperationException>().WithMessage("*has 0 archives of host:v1*deploy/images/build host *");

            File.WriteAllText(Path.Combine(folder, "host-v1-amd64.tar"), "");
            find().Should().EndWith("host-v1-amd64.tar");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
