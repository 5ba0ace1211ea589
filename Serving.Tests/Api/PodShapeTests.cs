using System.Text.Json.Serialization.Metadata;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.GoTypes;
using Serving.Api.Knative;
using Serving.LocalCluster.ApiServer.Schemas;
using FieldRules = Serving.Api.Schema.FieldRules;

namespace Serving.Tests.Api;

/// <summary>
/// The shape of a pod exists four times, each for a purpose of its own: as the records that we work with, as the field rules that become
/// the CRD schemas, as the Go types whose errors and differences the webhook reports, and as the schema of the local cluster. They must
/// agree, field by field. The Go types and the local cluster have every field of Kubernetes, records and rules only those that Serving
/// knows.
/// </summary>
public sealed class PodShapeTests
{
    private static readonly Schema Pod = BuiltInSchemas.Instance["core.v1.PodSpec"];
    private static readonly GoType GoPod = GoTypeTable.Struct("PodSpec");

    /// <summary>The fields of a Revision that no pod has.</summary>
    private static readonly HashSet<string> Knative =
    [
        "spec.containerConcurrency",
        "spec.timeoutSeconds",
        "spec.responseStartTimeoutSeconds",
        "spec.idleTimeoutSeconds",
    ];

    [Test]
    public void The_Go_types_and_the_local_cluster_have_the_same_fields() =>
        string.Join('\n', Compare(GoPod, Pod, "spec", [])).Should().BeEmpty();

    [Test]
    public void The_records_agree_with_the_Go_types_and_the_local_cluster() =>
        string.Join('\n', Compare(typeof(PodSpec), GoPod, Pod, "spec", [])).Should().BeEmpty();

    [Test]
    public void The_field_rules_agree_with_the_records_and_the_local_cluster() =>
        string.Join('\n', Compare(typeof(RevisionSpec), Pod, "spec", [])).Should().BeEmpty();

    private static IEnumerable<string> Compare(GoType go, Schema schema, string path, HashSet<string> seen)
    {
        go = Stripped(go);
        if (go.Kind == GoKind.Opaque)
            yield break;
        if (TypeOf(go) != schema.Type)
        {
            yield return $"{path}: {go.Name} in Go, {schema.Type} in the local cluster";
            yield break;
        }

        if (go.Kind is GoKind.List or GoKind.Map)
        {
            var element = go.Kind == GoKind.List ? schema.Items : schema.Values;
            foreach (var difference in Compare(go.Element!, element!, path + "[]", seen))
                yield return difference;
        }

        if (go.Kind != GoKind.Struct || !seen.Add(go.Name))
            yield break;
        foreach (var name in go.Members.Keys.Except(schema.Properties.Keys))
            yield return $"{path}.{name}: not in the local cluster";
        foreach (var name in schema.Properties.Keys.Except(go.Members.Keys))
            yield return $"{path}.{name}: not in Go";
        foreach (var name in go.Members.Keys.Intersect(schema.Properties.Keys))
        {
            foreach (var difference in Compare(go.Members[name].Type, schema.Properties[name], $"{path}.{name}", seen))
                yield return difference;
        }
    }

    private static IEnumerable<string> Compare(Type record, GoType go, Schema schema, string path, HashSet<Type> seen)
    {
        var info = ApiJson.Default.Options.GetTypeInfo(record);
        go = Stripped(go);
        if (info.Kind == JsonTypeInfoKind.Object && seen.Add(record))
        {
            foreach (var property in info.Properties.Where(static property => !property.IsExtensionData))
            {
                var field = $"{path}.{property.Name}";
                var member = go.Members.GetValueOrDefault(property.Name)?.Type;
                if (go.Kind != GoKind.Opaque && member is null)
                    yield return $"{field}: not in Go";
                if (!schema.Properties.TryGetValue(property.Name, out var value))
                {
                    yield return $"{field}: not in the local cluster";
                    continue;
                }

                foreach (var difference in Compare(property.PropertyType, member ?? GoTypeTable.Opaque, value, field, seen))
                    yield return difference;
            }
        }
        else if (info.Kind is JsonTypeInfoKind.Enumerable or JsonTypeInfoKind.Dictionary)
        {
            var element = info.Kind == JsonTypeInfoKind.Enumerable ? schema.Items : schema.Values;
            if (element is null)
                yield return $"{path}: {record.Name} in the record, {schema.Type} in the local cluster";
            else
                foreach (var difference in Compare(info.ElementType!, go.Element ?? GoTypeTable.Opaque, element, path + "[]", seen))
                    yield return difference;
        }
        else if (info.Kind == JsonTypeInfoKind.None && TypeOf(record) is { } type && type != schema.Type)
        {
            yield return $"{path}: {record.Name} in the record, {schema.Type} in the local cluster";
        }
    }

    private static IEnumerable<string> Compare(Type record, Schema schema, string path, HashSet<Type> seen)
    {
        var info = ApiJson.Default.Options.GetTypeInfo(record);
        if (info.Kind is JsonTypeInfoKind.Enumerable or JsonTypeInfoKind.Dictionary)
        {
            var element = info.Kind == JsonTypeInfoKind.Enumerable ? schema.Items! : schema.Values!;
            foreach (var difference in Compare(info.ElementType!, element, path + "[]", seen))
                yield return difference;
        }

        if (info.Kind != JsonTypeInfoKind.Object || !seen.Add(record))
            yield break;
        var properties = info.Properties.ToDictionary(static property => property.Name);
        foreach (var (name, rule) in FieldRules.For(record))
        {
            var field = $"{path}.{name}";
            if (Knative.Contains(field))
                continue;
            if (!schema.Properties.TryGetValue(name, out var value))
            {
                yield return $"{field}: not in the local cluster";
                continue;
            }

            if (!properties.TryGetValue(name, out var property))
            {
                if (!rule.IsOpaque && rule.Shape is null)
                    yield return $"{field}: not in the record, and without a shape of its own";
                continue;
            }

            if (value.Type == SchemaType.Array && !rule.IsOpaque && rule.Shape is null)
            {
                var keys = rule.IsAtomic || rule.MapKey is null ? "" : rule.MapKey;
                var builtIn = value.List == ListKind.Map ? value.ListKeys[0] : "";
                if (keys != builtIn && !(keys.Length == 0 && !rule.IsAtomic))
                    yield return $"{field}: a list by '{keys}' in the rules, by '{builtIn}' in the local cluster";
            }

            if (rule.IsOpaque)
                continue;
            foreach (var difference in Compare(property.PropertyType, value, field, seen))
                yield return difference;
        }
    }

    private static GoType Stripped(GoType go) => go.Kind == GoKind.Pointer ? Stripped(go.Element!) : go;

    private static SchemaType TypeOf(GoType go) =>
        go.Kind switch
        {
            GoKind.String or GoKind.Time => SchemaType.String,
            GoKind.Bool => SchemaType.Boolean,
            GoKind.Int32 or GoKind.Int64 => SchemaType.Integer,
            GoKind.IntOrString or GoKind.Quantity => SchemaType.IntOrString,
            GoKind.List => SchemaType.Array,
            _ => SchemaType.Object,
        };

    private static SchemaType? TypeOf(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        return type == typeof(string) ? SchemaType.String
            : type == typeof(bool) ? SchemaType.Boolean
            : type == typeof(int) || type == typeof(long) ? SchemaType.Integer
            : null;
    }
}
