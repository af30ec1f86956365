"""Regions as GeoJSON (RFC 7946), with coordinates in metres of a local or projected system instead of degrees."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from daedalus.errors import StageError, reading
from daedalus.geometry.polygons import Disc, disc, polygon
from daedalus.geometry.regions import Region, Shape, region
from daedalus.units import m

SMALLEST = 1.0 * m  # extent of a site; one in degrees is smaller
_KINDS = ("site", "forbidden", "unit")


def read_region(path: str | Path, margin: float = 0.0) -> Region:
    """The region of a GeoJSON file: one feature of the kind "site", others of the kind "forbidden".

    A feature's property "kind" says which it is. The site is a Polygon without holes; what is forbidden is a Polygon,
    or a Point with a property "radius" [m]. Features of the kind "unit", what stands there, are passed over.

    Args:
        path: the file; coordinates in metres.
        margin: least distance from the boundary and from what is forbidden [m].

    Raises:
        StageError: the file is missing or malformed; the text names the feature and the place in it.
    """
    shapes: dict[str, list[Shape]] = {"site": [], "forbidden": []}
    for number, feature in enumerate(read_features(path)):
        kind = _kind(feature, f"{Path(path).name}: feature {number}")
        if kind in shapes:
            where = f"{Path(path).name}: feature {number} ({kind})"
            try:
                shapes[kind].append(_shape(feature, kind))
            except StageError as cause:
                raise StageError(f"{where}: {cause}") from cause
    if len(shapes["site"]) != 1:
        raise StageError(f"{Path(path).name}: {len(shapes['site'])} features of the kind 'site'; expected one.")
    return region(shapes["site"][0], shapes["forbidden"], margin)


def read_features(path: str | Path) -> list[Mapping[str, Any]]:
    """The features of a GeoJSON file.

    Raises:
        StageError: the file is missing, is no JSON (line and column are named), or holds no FeatureCollection.
    """
    path = Path(path)
    if not path.is_file():
        raise StageError(f"there is no file {path}; expected GeoJSON. Check the path.")
    with reading(path, "GeoJSON"):
        text = path.read_text(encoding="utf-8")
        try:
            found = json.loads(text)
        except json.JSONDecodeError as cause:
            where = f"{path.name}, line {cause.lineno}, column {cause.colno}"
            raise StageError(f"{where}: {cause.msg}; expected JSON. Correct the file there.") from cause
    if not isinstance(found, dict) or found.get("type") != "FeatureCollection":
        kind = found.get("type") if isinstance(found, dict) else type(found).__name__
        raise StageError(f"{path.name} holds a {kind}; expected a FeatureCollection.")
    features = found.get("features")
    if not isinstance(features, list) or not all(isinstance(feature, dict) for feature in features):
        raise StageError(f"{path.name}: 'features' is no list of features; expected one.")
    return features


def region_features(region: Region) -> list[dict[str, Any]]:
    """The GeoJSON features of a region: its boundary and what is forbidden."""
    named = [("site", region.boundary), *(("forbidden", shape) for shape in region.forbidden)]
    return [_feature(kind, shape) for kind, shape in named]


def unit_feature(place: Sequence[float], **properties: Any) -> dict[str, Any]:
    """The GeoJSON feature of something that stands in a region, a Point, which `read_region` passes over.

    Args:
        place: x and y, or x, y and z [m].
        properties: what else is known of it, by name.
    """
    point = {"type": "Point", "coordinates": list(place)}
    return {"type": "Feature", "properties": {"kind": "unit", **properties}, "geometry": point}


def _kind(feature: Mapping[str, Any], where: str) -> str:
    properties = feature.get("properties")
    kind = properties.get("kind") if isinstance(properties, dict) else None
    if kind not in _KINDS:
        raise StageError(f"{where} is of the kind {kind!r}; expected a property 'kind': {', '.join(_KINDS)}.")
    return kind


def _shape(feature: Mapping[str, Any], kind: str) -> Shape:
    """The polygon or disc of a feature."""
    geometry = feature.get("geometry")
    form = geometry.get("type") if isinstance(geometry, dict) else None
    coordinates = geometry.get("coordinates") if isinstance(geometry, dict) else None
    if form == "Point" and kind == "forbidden":
        radius = feature["properties"].get("radius")
        if isinstance(radius, bool) or not isinstance(radius, int | float):
            raise StageError(f"it is a Point of radius {radius!r}; expected a property 'radius' in metres.")
        return disc(_flat([coordinates])[0], radius)
    if form != "Polygon" or not isinstance(coordinates, list) or len(coordinates) != 1:
        rings = len(coordinates) if isinstance(coordinates, list) else "no"
        raise StageError(
            f"it is a {form} of {rings} rings; expected a Polygon of one. Give holes as features of kind 'forbidden'."
        )
    found = polygon(_flat(coordinates[0]), ring=True)
    extent = np.max(np.ptp(found.vertices, 0))
    if extent < SMALLEST:
        raise StageError(f"it is {extent:.3g} m wide: degrees, it seems; expected metres. Project the map (UTM).")
    return found


def _flat(positions: Any) -> list:
    """Positions without their heights."""
    if not isinstance(positions, list) or not all(isinstance(p, list) and len(p) >= 2 for p in positions):
        raise StageError(f"its coordinates begin with {str(positions)[:60]}; expected a list of positions [x, y].")
    return [position[:2] for position in positions]


def _feature(kind: str, shape: Shape) -> dict[str, Any]:
    if isinstance(shape, Disc):
        geometry, more = {"type": "Point", "coordinates": np.asarray(shape.centre).tolist()}, {"radius": shape.radius}
    else:
        corners = np.asarray(shape.vertices).tolist()
        geometry, more = {"type": "Polygon", "coordinates": [[*corners, corners[0]]]}, {}
    return {"type": "Feature", "properties": {"kind": kind, **more}, "geometry": geometry}
