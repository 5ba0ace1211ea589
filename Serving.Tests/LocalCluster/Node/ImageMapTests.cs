using FluentAssertions;
using NUnit.Framework;
using Serving.LocalCluster.Node;

namespace Serving.Tests.LocalCluster.Node;

public sealed class ImageMapTests
{
    [TestCase("registry.example.com:5000/team/helloworld-go")]
    [TestCase("registry.example.com/helloworld-go:160e4dc8")]
    [TestCase("registry.example.com/helloworld-go:160e4dc8@sha256:0123")]
    [TestCase("registry.example.com/helloworld-go@sha256:0123")]
    [TestCase("helloworld-go")]
    [TestCase("dev.local/helloworld-go-v2:1")]
    public void Matches_a_name_with_and_without_registry_tag_and_digest(string image) =>
        new ImageMap("*/helloworld-go*=/bin/hello").Resolve(image).Should().Equal("/bin/hello");

    [TestCase("app", true)]
    [TestCase("app:1", true)]
    [TestCase("ghcr.io/app", true)]
    [TestCase("ghcr.io/team/app", false)]
    [TestCase("application", false)]
    public void A_name_without_a_star_matches_that_name_in_any_registry(string image, bool matches) =>
        (new ImageMap("app=/bin/app").Resolve(image) is not null).Should().Be(matches);

    [Test]
    public void The_last_entry_that_matches_wins()
    {
        var map = new ImageMap("*/hello*=/bin/default");
        map.Add("*/hello-mine=/bin/mine");

        map.Resolve("x.io/hello-mine:1").Should().Equal("/bin/mine");
        map.Resolve("x.io/hello-other").Should().Equal("/bin/default");
        map.Resolve("x.io/other").Should().BeNull();
    }

    [Test]
    public void Splits_a_command_as_a_shell_does() =>
        new ImageMap("""a=dotnet "/my apps/a.dll" --text 'it''s $HOME' a\ b "q\"q" ''""")
            .Resolve("a")
            .Should()
            .Equal("dotnet", "/my apps/a.dll", "--text", "its $HOME", "a b", "q\"q", "");

    [TestCase("noequals")]
    [TestCase("=cmd")]
    [TestCase("a=")]
    [TestCase("a='open")]
    public void Refuses_what_is_no_entry(string entry) =>
        FluentActions.Invoking(() => new ImageMap(entry)).Should().Throw<FormatException>();

    [Test]
    public void An_image_id_is_the_digest_of_the_reference_or_a_stable_one()
    {
        ImageMap.ImageId("ghcr.io/a/b:1@sha256:abc").Should().Be("ghcr.io/a/b@sha256:abc");
        ImageMap
            .ImageId("b:1")
            .Should()
            .StartWith("docker.io/library/b@sha256:")
            .And.Be(ImageMap.ImageId("b:1"))
            .And.NotBe(ImageMap.ImageId("b:2"));
    }
}
