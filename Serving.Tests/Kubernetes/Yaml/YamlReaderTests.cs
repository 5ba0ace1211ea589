using System.Text.Json;
using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.Kubernetes.Yaml;

namespace Serving.Tests.Kubernetes.Yaml;

public sealed class YamlReaderTests
{
    [Test]
    public void Every_document_is_read_and_anchors_end_with_theirs()
    {
        YamlDocuments
            .Read("# nothing\n---\na: &x 1\nb: *x\n---\n---\n- c\n")
            .Select(document => document.ToJsonString())
            .Should()
            .Equal("""{"a":1,"b":1}""", """["c"]""");

        FluentActions
            .Invoking(() => YamlDocuments.Read("a: &x 1\n---\nb: *x\n"))
            .Should()
            .Throw<FormatException>()
            .WithMessage("line 3: *'x'*");
    }

    [TestCase("a: &x [*x]", "line 1: anchor 'x' value contains itself")]
    [TestCase("a: 1\na: 2", "line 2: key \"a\" already set in map")]
    [TestCase("? [a]\n: b", "line 1: a key must be a string")]
    [TestCase("a: [1", "*")]
    public void What_is_no_tree_is_refused(string text, string says) =>
        FluentActions.Invoking(() => YamlReader.Read(text)).Should().Throw<FormatException>().WithMessage(says);

    [Test]
    public void Depth_and_size_are_not_up_to_the_text()
    {
        var deep =
            string.Concat(Enumerable.Repeat("[", YamlReader.MostLevels + 1))
            + string.Concat(Enumerable.Repeat("]", YamlReader.MostLevels + 1));
        FluentActions.Invoking(() => YamlDocuments.Read(deep)).Should().Throw<FormatException>().WithMessage("*too deeply nested*");

        var laughs =
            "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
            + string.Concat(
                Enumerable.Range(1, 9).Select(i => $"a{i}: &a{i} [{string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 10))}]\n")
            );
        FluentActions
            .Invoking(() => YamlDocuments.Read(laughs))
            .Should()
            .Throw<FormatException>()
            .WithMessage($"*more than {YamlReader.MostPieces} entries");
    }

    [Test]
    public void Of_the_first_document_alone_what_follows_does_not_matter()
    {
        YamlReader.ReadFirst("a: 1\n---\nb: [", 10).Should().BeOfType<YamlMap>().Which.Entries.Should().ContainSingle();
        YamlReader.ReadFirst("# nothing", 10).Should().BeNull();
    }

    [TestCase("1e999", "\"1e999\"")]
    [TestCase("99999999999999999999", "1E+20")]
    [TestCase("!!str 1", "\"1\"")]
    [TestCase("Yes", "true")]
    public void A_plain_scalar_takes_its_type_from_its_spelling_unless_no_number_can_hold_it(string scalar, string json) =>
        JsonNode.DeepEquals(YamlDocuments.Read($"a: {scalar}").Single()["a"], JsonNode.Parse(json)).Should().BeTrue();

    [Test]
    public void An_octal_number_that_is_too_large_is_a_real_one() =>
        YamlDocuments.Read("a: 0777777777777777777777777777").Single()["a"]!.GetValueKind().Should().Be(JsonValueKind.Number);

    [Test]
    public void A_merge_key_adds_what_the_mapping_does_not_say_itself() =>
        JsonNode
            .DeepEquals(YamlDocuments.Read("{x: &x {a: 1, b: 2}, y: {<<: *x, b: 3}}").Single()["y"], JsonNode.Parse("""{"a":1,"b":3}"""))
            .Should()
            .BeTrue();
}
